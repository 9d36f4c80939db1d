"""A broker made of Python, for machines without Mosquitto.

`python -m deploy.broker_amqtt HOST:PORT PASSWORDS`. It reads the passwords again on SIGHUP. MQTT 3.1.1 only;
clients must be told so.
"""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from amqtt.broker import Broker

from deploy.broker_rules import read_passwords


async def serve(listen: str, path: Path) -> None:
    """Run until SIGTERM."""
    read_passwords(path)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": listen}},
            "plugins": {"deploy.broker_rules.Door": {}, "deploy.broker_rules.Rules": {}},
        }
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    loop.add_signal_handler(signal.SIGHUP, read_passwords, path)
    await broker.start()
    await ended.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
