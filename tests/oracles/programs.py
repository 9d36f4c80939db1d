"""Where the programs of others are; a test that needs one fails rather than passing unseen."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / ".oracles" / "node_modules"


def program(name: str) -> str:
    """Return where a program is."""
    found = shutil.which(name)
    assert found, f"{name} is missing. Install it: make tools"
    return found


def node(script: str, *arguments: str) -> str:
    """Run one of the scripts beside this file and return what it said."""
    assert PACKAGES.is_dir(), "The packages of the oracles are missing. Install them: make tools"
    done = subprocess.run(
        [program("node"), str(HERE / script), *arguments],
        env=os.environ | {"NODE_PATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        timeout=15,
        check=True,
    )
    return done.stdout.strip()


def zbar(picture: Path) -> set[str]:
    """Return what zbarimg reads off a picture, each as `TYPE:text`."""
    done = subprocess.run(
        [program("zbarimg"), "--quiet", "--nodbus", str(picture)],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,  # it ends with 4 when it finds nothing, which the test then says
    )
    return set(done.stdout.split("\n")) - {""}


def zint(*arguments: str) -> str:
    """Return the modules of a symbol that zint draws, as "1" and "0" without quiet zone."""
    done = subprocess.run(
        [program("zint"), *arguments, "--dump"], capture_output=True, text=True, timeout=15, check=True
    )
    modules = "".join(f"{int(digit, 16):04b}" for digit in done.stdout.split("\n")[0].replace(" ", ""))
    return modules.rstrip("0")
