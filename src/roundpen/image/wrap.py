# SPDX-License-Identifier: BSD-2-Clause
"""Put the pen in front of a kernel: one Image out of two.

The layout, in bytes from a 2 MiB boundary; booting.rst has the loader leave the first
`text_offset` of them free::

    0x80000                text_offset: the pen: Image header, descriptor, code
    2 MiB + t              the kernel's Image, t being its own text_offset
    2 MiB + t + its image_size  what the loader keeps free ends here

So a wrapped kernel ends 2 MiB behind where the plain one would, and where the loader aligns
upwards from 0x80000, as U-Boot does on a Raspberry Pi, at the very same address. The copy of the
tree goes to free memory that the pen finds for itself. The file ends where the kernel's file ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from roundpen.contract import layout
from roundpen.contract.layout import Offer
from roundpen.errors import RefusedError, UserError
from roundpen.image import payload as payloads
from roundpen.image.header import Descriptor, ImageHeader
from roundpen.image.payload import Payload
from roundpen.publish import publish

IN_FRONT = layout.PAYLOAD_ALIGN - layout.WRAPPED_TEXT_OFFSET
"""Bytes between the start of the wrapped Image and the boundary at which the kernel's base is."""

_OFFERS = (Offer.PSCI, Offer.RETURN)


@dataclass(frozen=True)
class WrapPlan:
    """Where everything goes. Sizes and offsets are bytes from the wrapped Image's start."""

    offer: Offer
    header: ImageHeader
    descriptor: Descriptor
    pen: bytes
    payload: Payload

    @property
    def file_size(self) -> int:
        """Length of the wrapped file."""
        return self.descriptor.payload_offset + self.descriptor.payload_size

    @property
    def losses(self) -> tuple[str, ...]:
        """What the kernel could do before and can't any more, in words."""
        efi = ("EFI firmware can't start it any more",) if self.payload.efi else ()
        return (*efi, *self.payload.lost)

    def render(self) -> bytes:
        """The wrapped Image."""
        out = bytearray(self.pen)
        out[: layout.DESCRIPTOR_OFFSET] = self.header.pack()
        end = layout.DESCRIPTOR_OFFSET + layout.DESCRIPTOR_SIZE
        out[layout.DESCRIPTOR_OFFSET : end] = self.descriptor.pack()
        out += bytes(self.descriptor.payload_offset - len(out))
        return bytes(out) + self.payload.image


def pen_binary() -> bytes:
    """The pen that this package carries.

    Raises MachineError when the package was put together without it.
    """
    try:
        return (resources.files("roundpen.image") / "data" / "pen.bin").read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RefusedError(
            "the pen (image/data/pen.bin) is missing from this installation",
            remedy="install again: pip builds it, and needs gcc-aarch64-linux-gnu for that",
        ) from error


def plan(kernel: Payload, *, offer: Offer = Offer.PSCI, pen: bytes, name: str) -> WrapPlan:
    """Decide the layout. `name` is the kernel's, for messages.

    Raises UserError when the kernel is wrapped already, when the kernel is a bare pen or the
    offer isn't one that this pen has; MachineError when `pen` is no pen of this version.
    """
    if offer not in _OFFERS:
        raise UserError(
            f"offer {offer.name.lower()}: this pen doesn't have it",
            remedy="use --offer psci or return",
        )
    if kernel.descriptor is not None:
        raise UserError(
            f"{name}: has a pen in front already", remedy="wrap the kernel that was wrapped"
        )
    pen_header, pen_descriptor = _check_pen(pen)
    payload_offset = IN_FRONT + kernel.header.text_offset
    header = replace(
        pen_header,
        image_size=payload_offset + kernel.header.image_size,
        flags=kernel.header.flags,
        text_offset=layout.WRAPPED_TEXT_OFFSET,
    )
    descriptor = replace(
        pen_descriptor,
        offer=offer.value,
        payload_offset=payload_offset,
        payload_size=len(kernel.image),
        payload_image_size=kernel.header.image_size,
        payload_text_offset=kernel.header.text_offset,
    )
    return WrapPlan(offer, header, descriptor, pen, kernel)


def wrap_file(
    kernel: Path, out: Path, *, offer: Offer = Offer.PSCI, pen: bytes | None = None
) -> WrapPlan:
    """Wrap the kernel in one file into another; `out` is either the whole result or untouched.

    `pen` replaces the pen that the package carries. Raises what `payload.load`, `plan` and
    `publish` raise.
    """
    binary = pen_binary() if pen is None else pen
    decided = plan(payloads.load(kernel), offer=offer, pen=binary, name=str(kernel))
    publish(out, decided.render())
    return decided


def _check_pen(pen: bytes) -> tuple[ImageHeader, Descriptor]:
    header = ImageHeader.parse(pen)
    descriptor = Descriptor.parse(pen)
    problem = ""
    if header is None or descriptor is None:
        problem = "it has no Image header or no descriptor"
    elif descriptor.version != layout.DESCRIPTOR_VERSION:
        problem = f"version {descriptor.version}, expected {layout.DESCRIPTOR_VERSION}"
    elif descriptor.payload_offset != 0:
        problem = "there is a kernel behind it already"
    elif not len(pen) <= descriptor.pen_footprint <= IN_FRONT:
        problem = (
            f"footprint {descriptor.pen_footprint:#x}, expected {len(pen):#x} (the file) "
            f"to {IN_FRONT:#x}"
        )
    if problem or header is None or descriptor is None:
        raise RefusedError(f"pen.bin: {problem}", remedy="build or install roundpen again")
    return header, descriptor
