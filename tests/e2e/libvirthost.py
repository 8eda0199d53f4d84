# SPDX-License-Identifier: GPL-2.0-or-later
"""Real machines for the hosts of servehost.py: libvirt's daemon defines them, qemu interprets them, and
what starts in them is Debian's kernel with busybox: no disk, an address that follows from the interface's MAC, and HTTP."""
import glob
import os
import shutil
import subprocess
import sys

from e2e import BUILD, ROOT, UNPACK

sys.path.insert(0, ROOT + "/tests/serve")
from servehost import Failure, address, device, expect, mac, port_id, run, wait_for  # noqa: E402

UNPACKED = BUILD + "/unpacked"
KERNEL_NAME = UNPACKED + "/linux-image-cloud-amd64/usr/share/doc/linux-image-cloud-amd64"  # a link to the kernel of today
BUSYBOX = UNPACKED + "/busybox-static/bin/busybox"
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev",
           "virtio/virtio_pci", "net/core/failover", "net/net_failover", "net/virtio_net")  # each after those it needs
GET = r"""import socket, sys
s = socket.create_connection((sys.argv[1], 80), timeout=1)
s.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
print(s.makefile().read())"""
KERNEL, INITRD = "/run/vmlinuz", "/run/initrd"
# An interface may come later, or again: whatever is down gets its address, 10.7. and the last two bytes of its MAC.
INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
ip link set lo up
httpd -h /www
while :; do
	for link in /sys/class/net/eth*; do
		[ -e "$link" ] && ! read -r _ 2>/dev/null <"$link/carrier" || continue
		# one that goes at this moment has no address, and a shell that is the first process must not end over it
		IFS=: read -r _ _ _ _ high low 2>/dev/null <"$link/address" && [ "$low" ] || continue
		ip address replace "10.7.$((0x$high)).$((0x$low))/16" dev "${link##*/}"
		ip link set "${link##*/}" up
	done
	sleep 0.5
done
"""


def lacks():
    """What this machine has not and a guest needs, or None; downloads and unpacks what can be."""
    if os.uname().machine != "x86_64":
        return "the guests are of x86_64, this machine is not"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    try:
        run(UNPACK, "-f", "X-Unpacked-For-Libvirt")
        run(UNPACK, os.readlink(KERNEL_NAME))
    except Failure as e:
        said = str(e).splitlines()
        return "libvirt is not unpacked and cannot be downloaded: " + next((line.strip() for line in said if line.startswith("  ")), said[0])
    return None


def cpio(files):
    """An archive for the kernel ("newc"; Documentation/driver-api/early-userspace/buffer-format.rst): {name: (mode, content)}."""
    out = bytearray()
    for number, (name, (mode, content)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + "".join(f"{field:08x}" for field in fields).encode()
        for part in name.encode() + b"\0", content:
            out += part
            out += bytes(-len(out) % 4)
    return bytes(out)


def content_of(path):
    with open(path, "rb") as f:
        return f.read()


def make_image():
    """What the guests start, where libvirt sees it."""
    kernel = f"{UNPACKED}/{os.readlink(KERNEL_NAME)}"
    modules, = glob.glob(kernel + "/lib/modules/*/kernel")
    folder, program, text = 0o40755, 0o100755, 0o100644
    files = {name: (folder, b"") for name in ("bin", "dev", "modules", "proc", "sys", "www")}
    files["init"] = (program, INIT.encode())
    files["bin/busybox"] = (program, content_of(BUSYBOX))
    files["www/index.html"] = (text, b"from the guest\n")
    for number, name in enumerate(MODULES):
        top = modules if name.startswith("net/core") else modules + "/drivers"
        files[f"modules/{number:02}"] = (text, content_of(f"{top}/{name}.ko"))
    with open(INITRD, "wb") as f:
        f.write(cpio(files))
    shutil.copy(glob.glob(kernel + "/boot/vmlinuz-*")[0], KERNEL)


class Libvirt:
    """libvirtd on this host. It sees the host's /run."""

    def __init__(self):
        make_image()
        self.log = "/run/libvirtd.log"
        with open(self.log, "wb") as log:
            # a process namespace, so that guests end with it, and it ends with the test, whatever ends that
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount-proc", "--pid", "--fork",
                                             "--kill-child", os.path.dirname(os.path.abspath(__file__)) + "/libvirtd"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("libvirtd", self.answers)

    def answers(self):
        expect(self.process.poll() is None, "libvirtd ended: " + self.said())
        return os.path.exists("/run/libvirt/libvirt-sock") and "Running hypervisor: QEMU" in self.virsh("version", status=None)

    def said(self):
        return content_of(self.log).decode(errors="replace")

    def virsh(self, *words, status=0):
        """What it prints; in libvirtd's namespaces, where the programs are."""
        libraries = ":".join(glob.glob(UNPACKED + "/lib*/lib/*-linux-gnu")).replace(UNPACKED, "/run/libvirtd/unpacked")
        return run("nsenter", "--mount", "--target", str(self.process.pid), "env", "LD_LIBRARY_PATH=" + libraries,
                   "/usr/bin/virsh", "--quiet", "--connect", "qemu:///system", *words, status=status)


class Domain:
    """A guest with the MAC and the address of a port; its interface is named as Nova does, or else by libvirt (vnet and a number)."""

    def __init__(self, libvirt, number, is_named=True):
        self.libvirt, self.number, self.name, self.is_named = libvirt, number, f"domain{number}", is_named

    def interface(self, bridge):
        target = f"<target dev='{device(self.number)}'/>" if self.is_named else ""
        return (f"<interface type='bridge'><mac address='{mac(self.number)}'/><source bridge='{bridge}'/>{target}"
                "<model type='virtio'/><driver name='qemu'/><rom enabled='no'/></interface>")

    def xml(self):
        """As Nova writes it, as far as this host has it."""
        # interpreted everywhere: in a machine that is itself virtual /dev/kvm may be there, and the guest never begins
        return f"""<domain type='qemu'><name>{self.name}</name><uuid>{port_id(self.number)}</uuid>
<memory unit='MiB'>96</memory><vcpu>1</vcpu><features><acpi/></features>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>{KERNEL}</kernel><initrd>{INITRD}</initrd>
<cmdline>console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr</cmdline></os><on_reboot>destroy</on_reboot>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/><memballoon model='none'/>
{self.interface("br0")}<serial type='file'><source path='/run/{self.name}.console'/></serial></devices></domain>"""

    def virsh(self, command, *words):
        return self.libvirt.virsh(command, self.name, *words)

    def create(self, *options):
        self.libvirt.virsh("create", self.file(self.xml()), *options)
        return self

    def change(self, command, bridge):
        """attach, detach or update: its interface in a bridge."""
        self.virsh(command + "-device", self.file(self.interface(bridge)))

    def file(self, text):
        path = f"/run/{self.name}.xml"
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def serves(self, guest):
        """Does it answer a guest's HTTP?"""
        return "from the guest" in guest.exec("python3", "-c", GET, address(self.number), status=None)
