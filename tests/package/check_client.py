# SPDX-License-Identifier: Apache-2.0
"""find_package(OpenHB): a project outside of the source tree, compiled for this machine and, twice, for the board."""
import filecmp
import os
import shutil
import sys
import tempfile

from support import HERE, TOP, arguments, expect, fresh_folder, run, skip, unpacked

SYSROOT = f"{TOP}/build/sysroot/dev"
DEBIAN_CROSS = "/usr/aarch64-linux-gnu"


def build(name, work, package, *options, source=None):
    # Away from the project, so that nothing of it is found by accident.
    source = source or os.path.join(work, "client")
    folder = fresh_folder(work, name)
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={package}", "-DCMAKE_BUILD_TYPE=Release",
        *options)
    run("ninja", "-C", folder)
    return folder


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
            "board": (build("board", work, cross, f"-DCMAKE_TOOLCHAIN_FILE={TOP}/toolchains/aarch64-board.cmake"),
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
        # Asked for a machine or a version that is not there, find_package says so.
        for options, words in ((("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=riscv64"), "(for x86_64)"),):
            log = run("bash", "-c", '! "$@"', "bash", "cmake", "-G", "Ninja", "-S", f"{work}/client", "-B", fresh_folder(work, "wrong"),
                      f"-DCMAKE_PREFIX_PATH={host}", "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19", *options)
            expect(words in log, f"unclear: {log}")


if __name__ == "__main__":
    sys.exit(main())
