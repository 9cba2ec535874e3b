# SPDX-License-Identifier: Apache-2.0
"""What a board's root file system is made of, as layers: the Debian packages, links for busybox and mount points (both
made once), and what one board has of its own: accounts, keys, sshd's configuration, the program of the runtime."""
import fcntl
import gzip
import os
import pathlib
import shutil
import subprocess

from .namespace import Unavailable, check_tools

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREES = ROOT / "build" / "sysroot"
WORK = ROOT / "build" / "board"
# The shell, the server and the libraries that these link to; C++ for programs linked dynamically.
PACKAGES = """busybox-static openssh-server openssh-sftp-server libc6 libgcc-s1 libstdc++6 libcrypt1 zlib1g libaudit1
 libcap-ng0 libcom-err2 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libpam0g libselinux1 libpcre2-8-0
 libssl1.1 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1 libwrap0 libnsl2 libtirpc3""".split()
DROPBEAR = ["dropbear-bin", "libtomcrypt1", "libtommath1", "libgmp10"]
CPUS = {  # part, features: what /proc/cpuinfo shows; qemu-user would show the real machine's
    "cortex-a53": ("0xd03", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"),
    "cortex-a72": ("0xd08", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"),
    "cortex-a76": ("0xd0b", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"),
}
FOLDERS = "proc sys dev run/sshd tmp root userdata home/board etc/ssh".split()
INIT = pathlib.Path(__file__).with_name("machine.sh")
HRT = ROOT / "build" / "aarch64" / "device" / "tools" / "hrt_model_exec"


def sysroot(name, *packages):
    done = subprocess.run([ROOT / "scripts" / "sysroot", name, *packages], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        reason = (done.stdout.strip().splitlines() or ["scripts/sysroot failed"])[-1].removeprefix("sysroot: ")
        raise Unavailable("the board's packages cannot be fetched: " + reason)
    return TREES / name


def prepare():
    """The two layers that all boards share, lowest last."""
    check_tools("qemu-aarch64-static", "ssh-keygen", "openssl")
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tree, base = sysroot("board", *PACKAGES), WORK / "base"
        key = (TREES / "board.key").read_text()
        if not (WORK / "base.key").exists() or (WORK / "base.key").read_text() != key:
            (WORK / "base.key").unlink(missing_ok=True)
            shutil.rmtree(base, ignore_errors=True)
            for folder in FOLDERS:
                (base / folder).mkdir(parents=True)
            (base / "tmp").chmod(0o1777)
            (base / "bin").mkdir()
            applets = subprocess.run(["qemu-aarch64-static", tree / "bin/busybox", "--list"], check=True, capture_output=True, text=True)
            for applet in applets.stdout.split():
                if not any((tree / folder / applet).exists() for folder in ("bin", "sbin", "usr/bin", "usr/sbin")):
                    (base / "bin" / applet).symlink_to("busybox")
            (WORK / "base.key").write_text(key)
    return base, tree


def add_dropbear(layer, packages, host_key):
    """The small server of many boards, into the layer; with the host key as it wants it."""
    tree = sysroot("dropbear", *DROPBEAR)
    shutil.copytree(tree / "usr", layer / "usr", symlinks=True, dirs_exist_ok=True)
    (layer / "etc/dropbear").mkdir()
    subprocess.run(["qemu-aarch64-static", "-L", packages, "-E", f"LD_LIBRARY_PATH={layer / 'usr/lib/aarch64-linux-gnu'}",
                    layer / "usr/lib/dropbear/dropbearconvert", "openssh", "dropbear", host_key, layer / "etc/dropbear/key"],
                   check=True, capture_output=True)


MODULES = "virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net".split()


def packed(folder, out):
    """The folder appended to `out` as part of an initial RAM disk: everything is root's."""
    names = subprocess.run(["find", ".", "-print0"], cwd=folder, check=True, capture_output=True).stdout
    archive = subprocess.run(["cpio", "--null", "--quiet", "-o", "-H", "newc", "-R", "+0:+0"], cwd=folder, input=names, check=True,
                             capture_output=True).stdout
    with open(out, "ab") as file:
        file.write(gzip.compress(archive, 1))


def prepare_machine():
    """The kernel's image and an initial RAM disk with the layers that all machines share."""
    check_tools("cpio", "qemu-system-aarch64")
    layers = prepare()
    with open(WORK / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tree = sysroot("kernel", "LATEST=linux-image-cloud-arm64")
        image, disk, start = next((tree / "boot").glob("vmlinuz-*")), WORK / "initrd.gz", INIT.read_text()
        key = "\n".join([(TREES / "board.key").read_text(), (TREES / "kernel.key").read_text(), start])
        if not disk.exists() or not (WORK / "initrd.key").exists() or (WORK / "initrd.key").read_text() != key:
            own, part = WORK / "machine", WORK / "initrd.part"
            shutil.rmtree(own, ignore_errors=True)
            part.unlink(missing_ok=True)
            (own / "lib/modules").mkdir(parents=True)
            for name in MODULES:
                for module in (tree / "lib/modules").rglob(name + ".ko"):
                    shutil.copy(module, own / "lib/modules")
            shutil.copy(INIT, own / "init")
            (own / "init").chmod(0o755)
            for layer in (*reversed(layers), own):
                packed(layer, part)
            part.rename(disk)
            (WORK / "initrd.key").write_text(key)
    return image, disk


def new_key(path, comment):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True, stdin=subprocess.DEVNULL)


SSHD = """HostKey /etc/ssh/ssh_host_ed25519_key
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication yes
PermitRootLogin yes
UseDNS no
MaxStartups 100
SetEnv QEMU_CPU={cpu}
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def own_layer(layer, *, password, host_key, public_key, cpu, program):
    """What one board has of its own. `program`: hrt_model_exec for its PATH, or None."""
    etc = layer / "etc"
    (etc / "ssh").mkdir(parents=True)
    hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, check=True, capture_output=True, text=True).stdout.strip()
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n"
                                "nobody:x:65534:65534::/:/bin/false\nboard:x:1000:1000::/home/board:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\nboard:x:1000:\n")
    # Without PAM a "!" locks an account for keys, too.
    (etc / "shadow").write_text(f"root:{hashed}:19000::::::\nsshd:*:19000::::::\nnobody:*:19000::::::\nboard:{hashed}:19000::::::\n")
    (etc / "shadow").chmod(0o600)
    (etc / "shells").write_text("/bin/sh\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\n")
    (etc / "os-release").write_text('ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\nPRETTY_NAME="Debian 11, virtual board"\n')
    (etc / "ssh/sshd_config").write_text(SSHD.format(cpu=cpu))
    shutil.copy(host_key, etc / "ssh/ssh_host_ed25519_key")
    (etc / "ssh/ssh_host_ed25519_key").chmod(0o600)
    for home in ("home/board", "root"):
        (layer / home / ".ssh").mkdir(parents=True, mode=0o700)
        shutil.copy(public_key, layer / home / ".ssh/authorized_keys")
    if cpu in CPUS:
        part, features = CPUS[cpu]
        (etc / "cpuinfo").write_text("".join(
            f"processor\t: {i}\nBogoMIPS\t: 125.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
            f"CPU variant\t: 0x4\nCPU part\t: {part}\nCPU revision\t: 1\n\n" for i in range(os.cpu_count())))
    if program:
        (layer / "usr/bin").mkdir(parents=True)
        shutil.copy(program, layer / "usr/bin/hrt_model_exec")
        (layer / "usr/bin/hrt_model_exec").chmod(0o755)
