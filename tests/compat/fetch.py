"""Fetches the Redis 7.0 test suite: Debian 12's source package of redis, as Debian signed it.

Usage: fetch.py FOLDER

Unpacks the upstream tree to FOLDER/redis, unless it is there already. Needs no root and leaves the
machine's package lists alone: apt runs with lists and a cache of its own below FOLDER.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"


def mirror():
    """The mirror that this machine takes Debian from, if it is a Debian."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    for uri in subprocess.run(command, capture_output=True, text=True).stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    return MIRROR


def fetch(folder):
    """Downloads the source package's files into a folder."""
    sources = folder / "sources.list"
    sources.write_text(f"deb-src [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null",
                "Dir::State::Lists": folder / "lists", "Dir::Cache": folder / "cache",
                "Acquire::Languages": "none"}
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"  # apt's own user cannot write below this folder
    options = [f"--option={name}={value}" for name, value in settings.items()]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    subprocess.run(["apt-get", "-qq", *options, "source", "--download-only", "redis"], cwd=folder,
                   check=True)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    if (folder / "redis").exists():
        return
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fetch(fresh)
    archive = next(fresh.glob("redis_*.orig.tar.*"))
    with tarfile.open(archive) as tar:
        tar.extractall(fresh / "unpacked")
    next((fresh / "unpacked").iterdir()).rename(folder / "redis")
    shutil.rmtree(fresh)
    print(f"unpacked {archive.name}")


if __name__ == "__main__":
    main()
