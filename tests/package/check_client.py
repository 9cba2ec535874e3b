# SPDX-License-Identifier: Apache-2.0
"""find_package(OpenHB): a project outside of the source tree, compiled for this machine and, twice, for the board."""
import filecmp
import os
import shutil
import sys
import tempfile

from support import HERE, TOP, arguments, expect, fresh_folder, run, skip, unpacked

SYSROOT = f"{TOP}/build/sysroot/dev"
BOARD_TOOLCHAIN = f"{TOP}/toolchains/aarch64-board.cmake"
DEBIAN_CROSS = "/usr/aarch64-linux-gnu"


def build(name, work, package, *options, source=None):
    # Away from the project, so that nothing of it is found by accident.
    source = source or os.path.join(work, "client")
    folder = fresh_folder(work, name)
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={package}", "-DCMAKE_BUILD_TYPE=Release",
        *options)
    run("ninja", "-C", folder)
    return folder


def custom_operator(host, board, work, results):
    """The packaged example of a plug-in, built against the packages: converted and run here; files for the board."""
    folder = shutil.copytree(f"{host}/share/openhb/examples/custom_op", f"{work}/custom_op")
    for name, package, options in (("build", host, []), ("build-board", board, [f"-DCMAKE_TOOLCHAIN_FILE={BOARD_TOOLCHAIN}"])):
        run("cmake", "-G", "Ninja", "-S", folder, "-B", f"{folder}/{name}", f"-DOPENHB_INCLUDE={package}/include", *options)
        run("ninja", "-C", f"{folder}/{name}")
    run("/usr/bin/python3", "make_model.py", ".", cwd=folder)
    run(f"{host}/bin/hb_mapper", "makertbin", "-c", "config.yaml", "--model-type", "onnx", "--quiet", cwd=folder)
    files = fresh_folder(results, "custom_op")
    for file in ("model_output/custom_op.bin", "build-board/hard_mish.so", "calibration_f32/0.bin"):
        shutil.copy(f"{folder}/{file}", files)
    run(f"{host}/bin/hrt_model_exec", "infer", "--model_file", f"{files}/custom_op.bin", "--input_file", f"{files}/0.bin",
        "--enable_dump", "--dump_intermediate", "1", "--dump_path", f"{results}/custom_op_simulator", cwd=work,
        env={**os.environ, "HB_DNN_PLUGIN_PATH": f"{folder}/build"})


def main():
    args = arguments()
    if not os.path.isdir(args.packages) or not os.listdir(args.packages):
        skip("there are no packages; test package_contents says why")
    results = fresh_folder(args.work, "client")
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(f"{HERE}/client", f"{work}/client")
        board, host = unpacked(args.packages, "board", work), unpacked(args.packages, "host", work)
        # The installed converter makes the model.
        run(f"{host}/bin/hb_mapper", "makertbin", "-c", f"{TOP}/examples/traffic_signs/config.yaml", "--model-type", "onnx",
            "--working-dir", f"{work}/model", "--quiet", cwd=work)
        model = shutil.copy(f"{work}/model/traffic_signs.bin", results)
        # The host's package lies first in the path: it must not be taken for the board's.
        cross = f"{host};{board}"
        kinds = {
            "native": (build("native", work, host), []),
            "board": (build("board", work, cross, f"-DCMAKE_TOOLCHAIN_FILE={BOARD_TOOLCHAIN}"),
                      ["qemu-aarch64-static", "-L", SYSROOT]),
            # Debian's own cross compiler takes glibc 2.36, so these two run with that.
            "debian": (build("debian", work, cross, "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
                             "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc", "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++"),
                       ["qemu-aarch64-static", "-L", DEBIAN_CROSS]),
        }
        for name, (folder, emulator) in kinds.items():
            output = f"{results}/{name}.bin"
            version = run(*emulator, f"{folder}/client", model, output)
            run(*emulator, f"{folder}/client_cxx", model)
            expect(os.path.getsize(output) > 0, f"{output} is empty")
            expect(filecmp.cmp(f"{results}/native.bin", output, shallow=False), f"{name}: other bits than native")
            print(f"{name}: {version.splitlines()[0]}, {os.path.getsize(output)} equal bytes")
        shutil.copy(f"{kinds['board'][0]}/client", f"{results}/board_client")
        # The examples that the package brings, as projects of their own.
        for example in ("c_quick_start", "nv12_camera", "async_multi_model"):
            folder = build(example, work, host, source=f"{host}/share/openhb/examples/{example}")
            run("bash", "-c", f'"{folder}/{example}"; [ $? = 2 ]')  # the usage
        text = run(f"{work}/c_quick_start/c_quick_start", model)
        expect("[id]" in text, f"c_quick_start: {text}")
        custom_operator(host, board, work, results)
        # Asked for a machine or a version that is not there, find_package says so.
        for options, words in ((("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=riscv64"), "(for x86_64)"),):
            log = run("bash", "-c", '! "$@"', "bash", "cmake", "-G", "Ninja", "-S", f"{work}/client", "-B", fresh_folder(work, "wrong"),
                      f"-DCMAKE_PREFIX_PATH={host}", "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19", *options)
            expect(words in log, f"unclear: {log}")


if __name__ == "__main__":
    sys.exit(main())
