# SPDX-License-Identifier: BSD-2-Clause
"""What a file on a boot partition is, as typed facts."""

from __future__ import annotations

from dataclasses import dataclass

from roundpen.contract import layout
from roundpen.contract.layout import Offer
from roundpen.errors import UserError
from roundpen.image.header import Descriptor, ImageHeader
from roundpen.image.loading import Ends, ends
from roundpen.image.payload import Payload, parse
from roundpen.image.wrap import IN_FRONT


@dataclass(frozen=True)
class KernelFacts:
    """What a kernel's header says. Sizes and offsets in bytes."""

    file_size: int
    image_size: int
    text_offset: int
    page_size: int | None
    big_endian: bool
    anywhere: bool
    efi: bool
    banner: str | None


@dataclass(frozen=True)
class PenFacts:
    """What the descriptor of a wrapped Image says. Offsets from the Image's start, in bytes.

    `offer` is None in a pen that has no kernel behind it.
    """

    version: int
    offer: str | None
    payload_offset: int
    pen_size: int
    pen_footprint: int


@dataclass(frozen=True)
class ImageFacts:
    """A file: how it is packed, how much memory it wants, who is in it.

    `kernel` is None for a bare pen, `pen` is None for a kernel as it came.
    """

    file_size: int
    packing: tuple[str, ...]
    image_size: int
    ends: Ends
    kernel: KernelFacts | None
    pen: PenFacts | None


def inspect(data: bytes, name: str) -> ImageFacts:
    """The facts about a file's bytes; `name` is for messages.

    Raises UserError when it is no arm64 Image or its descriptor can't be true.
    """
    found = parse(data, name)
    descriptor = found.descriptor
    size, behind = found.header.image_size, ends(found.header)
    if descriptor is None:
        kernel = _kernel(found, found.efi)
        return ImageFacts(len(data), found.packing, size, behind, kernel, None)
    pen = _pen(descriptor, name)
    inner = None if pen.offer is None else _kernel(_inner(found, descriptor, name), False)
    return ImageFacts(len(data), found.packing, size, behind, inner, pen)


def _kernel(found: Payload, efi: bool) -> KernelFacts:
    header = found.header
    return KernelFacts(
        file_size=len(found.image),
        image_size=header.image_size,
        text_offset=header.text_offset,
        page_size=header.page_size,
        big_endian=header.big_endian,
        anywhere=header.anywhere,
        efi=efi,
        banner=found.banner,
    )


def _pen(descriptor: Descriptor, name: str) -> PenFacts:
    if descriptor.version != layout.DESCRIPTOR_VERSION:
        raise UserError(
            f"{name}: wrapped with a pen of version {descriptor.version}, "
            f"this roundpen knows {layout.DESCRIPTOR_VERSION}",
            remedy="use the roundpen that wrapped it",
        )
    offers = {offer.value: offer.name.lower() for offer in Offer if offer is not Offer.NONE}
    bare = descriptor.payload_offset == 0
    if not bare and descriptor.offer not in offers:
        raise UserError(f"{name}: damaged descriptor: offer {descriptor.offer} doesn't exist")
    return PenFacts(
        version=descriptor.version,
        offer=None if bare else offers[descriptor.offer],
        payload_offset=descriptor.payload_offset,
        pen_size=descriptor.pen_size,
        pen_footprint=descriptor.pen_footprint,
    )


def _inner(found: Payload, descriptor: Descriptor, name: str) -> Payload:
    """The kernel behind the pen, judged as if it had come alone."""
    start = descriptor.payload_offset
    end = start + descriptor.payload_size
    if not IN_FRONT <= start < end <= len(found.image):
        raise UserError(
            f"{name}: its descriptor puts the kernel at {start:#x} to {end:#x}, the file ends "
            f"at {len(found.image):#x}",
            remedy="it is truncated or damaged: wrap the kernel again",
        )
    image = found.image[start:end]
    if ImageHeader.parse(image) is None:
        raise UserError(
            f"{name}: no Image header at {start:#x}, where its descriptor puts the kernel",
            remedy="it is damaged: wrap the kernel again",
        )
    return parse(image, f"{name}, the kernel at {start:#x}")
