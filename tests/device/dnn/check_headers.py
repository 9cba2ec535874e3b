# SPDX-License-Identifier: Apache-2.0
"""Compiles every public header by itself, twice in one file, and the assertions of interface.inc, in all C and C++
standards that applications may use and with every compiler at hand: no warning, no error. Then damages the headers
and expects errors, so that the assertions are known to assert.

Usage: check_headers.py INCLUDE_DIR"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-pedantic-errors", "-Wconversion", "-Wshadow", "-Wundef", "-Werror",
            "-fsyntax-only"]
C = ["c99", "c11", "c17", "gnu99"]
CXX = ["c++98", "c++03", "c++11", "c++14", "c++17", "c++20", "c++23", "gnu++11"]
COMPILERS = [("clang-19", C), ("clang++-19", CXX), ("gcc", C), ("g++", CXX), ("aarch64-linux-gnu-gcc", C),
             ("aarch64-linux-gnu-g++", CXX)]
# What to change in which header; each must break the assertions.
DAMAGE = [("hb_dnn.h", "HB_DNN_LAYOUT_NCHW = 2", "HB_DNN_LAYOUT_NCHW = 1"),
          ("hb_dnn.h", "int64_t customId", "int32_t customId"),
          ("hb_dnn.h", "const hbDNNTensor* input", "hbDNNTensor* input"),
          ("hb_dnn_status.h", "HB_DNN_TIMEOUT = -6000008", "HB_DNN_TIMEOUT = -6000080"),
          ("hb_sys.h", "uint32_t memSize", "uint64_t memSize"),
          ("hb_dnn.h", "sysMem[4]", "sysMem[3]")]


def compile_text(compiler, standard, include, text):
    language = "c++" if "++" in standard else "c"
    command = [compiler, f"-std={standard}", "-x", language, *WARNINGS, "-I", str(include), "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    return result.returncode, f"{compiler} -std={standard}: {text.splitlines()[0]}\n{result.stderr}"


def main():
    include = pathlib.Path(sys.argv[1])
    assertions = f'#include "{pathlib.Path(__file__).parent.resolve()}/interface.inc"\n'
    headers = sorted(p.name for p in (include / "dnn").glob("*.h"))
    if len(headers) < 5:
        sys.exit(f"{include}/dnn: only {headers}")
    texts = [f'#include "dnn/{name}"\n#include "dnn/{name}"\nextern int not_empty;\n' for name in headers]
    compilers = [c for c in COMPILERS if shutil.which(c[0])]
    for name, _ in COMPILERS:
        if not shutil.which(name):
            print(f"skipped: no {name}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_text, compiler, standard, include, text)
                for compiler, standards in compilers for standard in standards for text in [*texts, assertions]]
        results = [job.result() for job in jobs]
    failures = [log for status, log in results if status != 0]

    for name, old, new in DAMAGE:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(include / "dnn", pathlib.Path(folder) / "dnn")
            header = pathlib.Path(folder) / "dnn" / name
            text = header.read_text()
            if old not in text:
                failures.append(f"{name}: '{old}' is not there any more")
                continue
            header.write_text(text.replace(old, new, 1))
            for compiler, standards in compilers[:2]:
                if compile_text(compiler, standards[0], folder, assertions)[0] == 0:
                    failures.append(f"{compiler} accepts {name} with '{new}'")
    print("\n".join(failures) or f"{len(results)} compilations of {len(headers)} headers")
    sys.exit(1 if failures else 0)


main()
