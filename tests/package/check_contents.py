# SPDX-License-Identifier: Apache-2.0
"""Builds the packages from what the presets have built and looks into them."""
import filecmp
import glob
import hashlib
import os
import re
import subprocess
import sys

from support import (TOP, arguments, built_presets, expect, exported_functions, fresh_folder, needed_libraries, needed_versions,
                     only, run, skip, unpacked)

OLDEST_GLIBC = (2, 31)
GLIBC_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-aarch64.so.1"}


def digests(folder):
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in os.listdir(folder)}


def check_elf_files(tree):
    """Every file of the board is for aarch64, stripped, free of this machine's paths, and runs with glibc 2.31."""
    highest = (0, 0)
    count = 0
    for folder, _, files in os.walk(tree):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.islink(path) or open(path, "rb").read(4) != b"\x7fELF":
                continue
            count += 1
            expect("AArch64" in run("readelf", "-h", path), f"{name} is not for aarch64")
            sections = run("readelf", "-W", "-S", path)
            expect(".symtab" not in sections and ".debug" not in sections, f"{name} is not stripped")
            expect(TOP.encode() not in open(path, "rb").read(), f"{name} holds this machine's paths")
            libraries, versions = needed_libraries(path), needed_versions(path)
            if name.endswith("_static"):
                expect(not libraries and not versions, f"{name} is not static: {libraries} {versions}")
                continue
            expect(set(libraries) - {"libdnn.so.1"} <= GLIBC_LIBRARIES, f"{name} needs {libraries}")
            for version in versions:
                match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version)
                expect(match or version == "OPENHB", f"{name} needs {version}")
                if match:
                    number = (int(match[1]), int(match[2]))
                    expect(number <= OLDEST_GLIBC, f"{name} needs {version}")
                    highest = max(highest, number)
            print(f"{name}: {os.path.getsize(path)} bytes, {' '.join(libraries)}, {' '.join(sorted(set(versions)))}")
    expect(count == 4, f"{count} programs and libraries, not hrt_model_exec (twice), hrt_bin_dump and libdnn")
    expect(highest > (0, 0), "no symbol versions were found at all")
    print(f"oldest glibc that the symbols allow: {highest[0]}.{highest[1]}")


def check_exports(tree):
    """libdnn offers what its headers declare and nothing else."""
    text = "".join(open(f).read() for f in glob.glob(f"{tree}/include/dnn/*.h"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = set(re.findall(r"\b((?:hb|openhb)[A-Z]\w*)\s*\(", text))
    exported = exported_functions(f"{tree}/lib/libdnn.so")
    expect(len(declared) > 20, f"the headers declare only {declared}")
    expect(exported == declared, f"{tree}/lib/libdnn.so: not declared: {exported - declared}; missing: {declared - exported}")
    expect("Library soname: [libdnn.so.1]" in run("readelf", "-d", f"{tree}/lib/libdnn.so"), "soname")


def check_deb(deb, tree, architecture, work):
    """The same files as the tarball's under /usr, owned by root; dpkg installs and removes it."""
    fields = dict(re.findall(r"^(\S+): (.*)$", run("dpkg-deb", "-f", deb), flags=re.M))
    expect(fields["Architecture"] == architecture, fields)
    for library in re.split(r",\s*", fields["Depends"]):
        expect(re.fullmatch(r"[a-z0-9.+-]+ \(>= [0-9.:a-z+~-]+\)", library), f"dependency {library}")
    expect(all(" root/root " in line for line in run("dpkg-deb", "-c", deb).splitlines()), "files that are not root's")
    root = fresh_folder(work, "deb-root")
    for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info"):
        os.makedirs(f"{root}/{folder}")
    open(f"{root}/var/lib/dpkg/status", "w").close()
    dpkg = ["unshare", "-U", "-r", "dpkg", f"--root={root}", "--log=/dev/null", "--force-depends", "--force-architecture"]
    if subprocess.run(["unshare", "-U", "-r", "true"], stderr=subprocess.DEVNULL).returncode:
        dpkg = []
        print("not checked: dpkg -i (no user namespaces here)")
        run("dpkg", "-x", deb, root)
    else:
        run(*dpkg, "-i", deb, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    ours = {"install.sh", "share/openhb/install.sh", "share/openhb/manifest"}  # the tarball's way to do it
    for path in run("find", tree, "-type", "f", "-printf", "%P\n").splitlines():
        if path not in ours:
            expect(filecmp.cmp(f"{tree}/{path}", f"{root}/usr/{path}", shallow=False), f"{deb}: /usr/{path} differs")
    if architecture == "amd64":
        for tool in ("hb_mapper", "hrt_model_exec", "hrt_bin_dump", "vec_diff"):
            print(run(f"{root}/usr/bin/{tool}", "--version").strip())
    if dpkg:
        run(*dpkg, "-r", fields["Package"], env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        expect(not os.path.exists(f"{root}/usr/bin"), "dpkg -r left /usr/bin")
    print(f"{os.path.basename(deb)}: {os.path.getsize(deb)} bytes, Depends: {fields['Depends']}")


def check_whole_or_not_at_all(work):
    """A failure in the middle leaves no package and no rubbish."""
    output, tools = fresh_folder(work, "failing"), fresh_folder(work, "tools")
    with open(f"{tools}/dpkg-deb", "w", encoding="ascii") as file:  # its last argument is the file to write
        file.write('#!/bin/sh\nfor last; do :; done\necho half >"$last"\necho dpkg-deb: disk full >&2\nexit 1\n')
    os.chmod(f"{tools}/dpkg-deb", 0o755)
    done = subprocess.run([f"{TOP}/scripts/package", "--no-build", "--output", output, "board"], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    expect(done.returncode != 0 and "disk full" in done.stderr, f"no failure: {done}")
    expect(not os.listdir(output), f"left: {os.listdir(output)}")


def main():
    args = arguments()
    missing = built_presets()
    if missing:
        skip(missing)
    fresh_folder(args.packages)
    print(run(f"{TOP}/scripts/package", "--no-build", "--output", args.packages))
    trees = fresh_folder(args.work, "trees")
    board, host = unpacked(args.packages, "board", trees), unpacked(args.packages, "host", trees)
    check_elf_files(board)
    for tree in (board, host):
        check_exports(tree)
    for file in ("LICENSE", "board.md", "third-party/libfmt-dev.txt"):
        expect(os.path.getsize(f"{board}/share/doc/openhb/{file}") > 100, file)
    check_deb(only(f"{args.packages}/*_arm64.deb"), board, "arm64", args.work)
    check_deb(only(f"{args.packages}/*_amd64.deb"), host, "amd64", args.work)
    again = fresh_folder(args.work, "again")
    run("bash", "-c", 'umask 077; TZ=Asia/Tokyo exec "$@"', "bash", f"{TOP}/scripts/package", "--no-build", "--output", again,
        "board")
    expect(len(digests(again)) == 2 and digests(again).items() <= digests(args.packages).items(), "other bytes at the second time")
    check_whole_or_not_at_all(args.work)


if __name__ == "__main__":
    sys.exit(main())
