"""A QR code as a picture reads as the text it was made of."""

import io

import pytest
import zxingcpp
from PIL import Image

from printing.documents.picture import qr_png
from protocol.ids import slip_code


@pytest.mark.parametrize("text", [slip_code("po", "HB1-00007", 1), "a", "Zoë 東京 " * 20])
@pytest.mark.parametrize("module_pixels", [1, 3, 6])
def test_a_picture_of_a_qr_code_reads_as_its_text(text: str, module_pixels: int) -> None:
    image = Image.open(io.BytesIO(qr_png(text, module_pixels=module_pixels))).convert("L")
    if module_pixels == 1:
        image = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)

    assert [found.text for found in zxingcpp.read_barcodes(image)] == [text]


def test_a_picture_has_the_quiet_zone_that_readers_need() -> None:
    image = Image.open(io.BytesIO(qr_png("a"))).convert("L")

    assert image.size == (6 * (21 + 8), 6 * (21 + 8))
    assert image.crop((0, 0, image.width, 24)).getextrema() == (255, 255)
    assert image.crop((0, 0, 24, image.height)).getextrema() == (255, 255)
