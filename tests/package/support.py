# SPDX-License-Identifier: Apache-2.0
"""What the package tests share: the packages, commands, ELF files."""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def run(*command, **options):
    """The command's output; ends the test with everything it printed when it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode == SKIPPED:
        skip(done.stdout.strip().removeprefix("skipped: "))
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def expect(condition, sentence):
    if not condition:
        sys.exit(f"FAILED: {sentence}")


def fresh_folder(*parts):
    folder = os.path.join(*parts)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def only(pattern):
    found = glob.glob(pattern)
    expect(len(found) == 1, f"{pattern}: {found}")
    return found[0]


def built_presets():
    """Why the packages cannot be made here, or nothing."""
    for preset, file in (("aarch64", "device/tools/hrt_model_exec"), ("aarch64-board", "device/dnn/libdnn.so"),
                         ("release", "host/hb_mapper")):
        if not os.path.exists(f"{TOP}/build/{preset}/{file}"):
            return (f"preset {preset} is not built: scripts/build {preset}" +
                    (" (after scripts/sysroot, which needs a Debian mirror with bullseye)" if preset == "aarch64-board" else ""))
    return None


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True, help="folder that the package tests share")
    parsed = parser.parse_args()
    parsed.work = os.path.abspath(parsed.work)
    parsed.packages = os.path.join(parsed.work, "packages")
    return parsed


def unpacked(packages, kind, folder):
    """The only folder of the board's or the host's tarball, unpacked into `folder`."""
    run("tar", "-xzf", only(f"{packages}/openhb-{kind}-*.tar.gz"), "-C", folder)
    return only(f"{folder}/openhb-{kind}-*")


# ELF files, read with binutils' readelf and nm, which know every architecture.
def needed_libraries(file):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", file))


def needed_versions(file):
    """All version names that the file's undefined symbols ask for, by library."""
    section = run("readelf", "-W", "-V", file).partition(".gnu.version_r")[2]
    return re.findall(r"Name: (\S+)  Flags", section)


def exported_functions(file):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", file).splitlines()
            if line.split()[-2] != "A"}
