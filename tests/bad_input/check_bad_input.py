# SPDX-License-Identifier: Apache-2.0
"""Every tool must answer bad input with one clear sentence. Usage:

check_bad_input.py conversion|model|execution|checker|infer|vec_diff HB_MAPPER HRT_MODEL_EXEC SOURCE_DIR [regular expression of case names]
"""
import pathlib
import sys
import tempfile

import harness
import networks
from situation import Checker, Conversion, Execution, Inference, VecDiff


def compiled_models(folder, hb_mapper, source):
    """{name: bytes} of the models that hrt_model_exec is given."""
    models = {}
    for name, prepare in (("classifier", None), ("two_inputs", Conversion.two_featuremaps)):
        here = pathlib.Path(folder) / name
        here.mkdir()
        conversion = Conversion(here, hb_mapper, source)
        if prepare:
            prepare(conversion)
            conversion.set(output_model_file_prefix=name)
        prefix = conversion.config["model_parameters"]["output_model_file_prefix"]
        status, out, err, _ = harness.run(conversion.command(), here)
        if status != 0:
            raise harness.Misbehaviour(f"conversion of the sound network '{name}' fails: {out}{err}")
        models[name] = (here / "results" / f"{prefix}.bin").read_bytes()
    return models


def main(part, hb_mapper, hrt, source, only=""):
    with tempfile.TemporaryDirectory(prefix="openhb_bad_input_") as folder:
        folder = pathlib.Path(folder)
        if part == "execution":
            from execution_cases import CASES, damaged_model_cases
            (folder / "models").mkdir()
            models = compiled_models(folder / "models", hb_mapper, source)
            cases = CASES + damaged_model_cases(models["classifier"])
            make = lambda here: Execution(here, hrt, models)
        elif part == "checker":
            from checker_cases import CASES as cases
            make = lambda here: Checker(here, hb_mapper)
        elif part == "vec_diff":
            from vec_diff_cases import CASES as cases
            make = lambda here: VecDiff(here, pathlib.Path(hb_mapper).with_name("vec_diff"))
        elif part == "infer":
            from infer_cases import CASES as cases
            make = lambda here: Inference(here, hb_mapper, source)
        else:
            from conversion_cases import CASES as conversion
            from model_cases import CASES as model
            cases = {"conversion": conversion, "model": model}[part]
            make = lambda here: Conversion(here, hb_mapper, source)
        return harness.run_cases(cases, make, hrt, folder / "cases", only)


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
