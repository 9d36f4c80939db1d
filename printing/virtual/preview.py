"""What a printer would put on paper, as a picture: the very bytes, through the same renderer."""

from PIL import Image

from printing.profiles import Profile
from printing.virtual.commands import Parser
from printing.virtual.paper import Paper, Slip, as_png
from printing.virtual.zpl import LabelPaper, LabelParser

GAP_DOTS = 24


def render(data: bytes, profile: Profile) -> list[Slip]:
    """Return the slips that a stream of bytes prints, the last one also when it was not cut off."""
    labels = profile.language == "zpl"
    paper: Paper | LabelPaper = LabelPaper(profile) if labels else Paper(profile)
    parser: Parser | LabelParser = LabelParser() if labels else Parser()
    slips = []
    for command in (*parser.feed(data), *parser.flush()):
        slip = paper.apply(command)
        if slip is not None:
            slips.append(slip)
    if paper.has_ink:
        slips.append(paper.cut())
    return slips


def render_preview(data: bytes, profile: Profile) -> bytes:
    """Return the PNG of what the bytes print; several slips stand one below the other."""
    slips = render(data, profile)
    height = sum(slip.dots.height for slip in slips) + GAP_DOTS * max(len(slips) - 1, 0)
    image = Image.new("1", (profile.dots, max(height, 1)))
    top = 0
    for slip in slips:
        image.paste(slip.dots, (0, top))
        top += slip.dots.height + GAP_DOTS
    return as_png(image)
