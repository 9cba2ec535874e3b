# SPDX-License-Identifier: Apache-2.0
"""install.sh on an emulated board with glibc 2.31: as root and as a user, over an old version, refusals, removal; and
hrt_model_exec from there gives the simulator's bits on CPUs without SDOT, with SDOT, and with I8MM."""
import filecmp
import os
import shutil
import subprocess
import sys

from support import HERE, TOP, arguments, expect, fresh_folder, only, run, skip, unpacked


def same_files(a, b, at_least=10):
    names = sorted(os.listdir(a))
    expect(len(names) >= at_least and names == sorted(os.listdir(b)), f"{a} has {names}, {b} has {sorted(os.listdir(b))}")
    for name in names:
        if name == "dump_index.json":
            continue  # names the kernels that ran
        expect(filecmp.cmp(f"{a}/{name}", f"{b}/{name}", shallow=False), f"{name} differs between {a} and {b}")
    return len(names)


def variants(package, folder):
    """Packages that are older, incomplete, or need a newer glibc than the board has."""
    old, incomplete, too_new = (f"{folder}/{name}" for name in ("old", "incomplete", "too_new"))
    for tree in (old, incomplete, too_new):
        shutil.copytree(package, tree, symlinks=True)
    shutil.copy(only(f"{old}/lib/libdnn.so.?.*"), f"{old}/lib/libdnn.so.0.0.1")
    with open(f"{old}/share/openhb/manifest", "a", encoding="ascii") as manifest:
        manifest.write("lib/libdnn.so.0.0.1\n")
    os.remove(f"{incomplete}/include/dnn/hb_sys.h")
    run("aarch64-linux-gnu-gcc", "-x", "c", "-", "-o", f"{too_new}/bin/hrt_model_exec", input="int main(void) { return 0; }")


def installs_here(package, work):
    """The host's package by its own install.sh, with this machine's shell."""
    prefix = f"{fresh_folder(work, 'host prefix')}/open hb"
    run(f"{package}/install.sh", "--prefix", prefix)
    for tool in ("hb_mapper", "hrt_model_exec", "hrt_bin_dump", "vec_diff"):
        run(f"{prefix}/bin/{tool}", "--version")
    run(f"{package}/install.sh", "--uninstall", "--prefix", prefix)
    expect(not os.path.exists(prefix), f"{prefix} is still there")


def main():
    args = arguments()
    client, model = (f"{args.work}/client/{name}" for name in ("board_client", "traffic_signs.bin"))
    if not os.path.exists(client):
        skip("there is no client; tests package_contents and package_client say why")
    board = fresh_folder(args.work, "board")
    package = unpacked(args.packages, "board", fresh_folder(args.work, "install"))
    wrong = subprocess.run([f"{package}/install.sh", "--prefix", f"{board}/none"], capture_output=True, text=True)
    expect(wrong.returncode == 1 and "this package is for Linux on aarch64" in wrong.stderr, f"on this machine: {wrong}")
    expect(not os.listdir(board), "a refused installation left something")

    shutil.copy(only(f"{args.packages}/openhb-board-*.tar.gz"), f"{board}/package.tar.gz")
    shutil.copy(model, f"{board}/model.bin")
    shutil.copy(f"{TOP}/examples/traffic_signs/test/000_stop.png", f"{board}/picture.png")
    shutil.copy(client, f"{board}/client")
    for script in ("run.sh", "board_steps.sh", "user_steps.sh"):
        shutil.copy(f"{HERE}/{script}", board)
    shutil.copytree(f"{args.work}/client/custom_op", f"{board}/custom_op")
    variants(package, board)
    os.mkdir(f"{board}/out")
    host = unpacked(args.packages, "host", fresh_folder(args.work, "simulator"))
    run(f"{host}/bin/hrt_model_exec", "infer", "--model_file", model, "--input_file", f"{board}/picture.png", "--enable_dump",
        "--dump_intermediate", "1", "--dump_path", f"{board}/out/simulator")

    installs_here(host, args.work)
    os.environ["SMALL"] = str(int(run("du", "-sk", "--apparent-size", package).split()[0]) * 3 // 2)
    in_root = [f"{HERE}/in_root.sh", f"{TOP}/build/sysroot/root", board]
    print(run(*in_root, "sh", "/mnt/board_steps.sh"))
    print(run(*in_root, "--user", "sh", "/mnt/user_steps.sh"))
    for name in ("root", *(cpu + kind for cpu in ("cortex-a53", "cortex-a76", "max") for kind in ("", "-static"))):
        print(f"{name}: {same_files(f'{board}/out/simulator', f'{board}/out/{name}')} tensors, the simulator's bits")
    tensors = same_files(f"{args.work}/client/custom_op_simulator", f"{board}/out/custom_op", at_least=3)
    print(f"with a plug-in: {tensors} tensors, the simulator's bits")
    for name in ("client", "cortex-a53", "cortex-a76", "max"):
        expect(filecmp.cmp(f"{board}/out/{name}.bin", f"{args.work}/client/native.bin", shallow=False), f"libdnn's bits differ: {name}")


if __name__ == "__main__":
    sys.exit(main())
