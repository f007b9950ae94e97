"""Bring the offered weights and samples of kept runs, each checked by size and SHA-256."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.data.fetch import fetch
    from kanpipe.errors import UserError
    from kanpipe.reporting.shipped import FOLDER, offered

    files, place = offered(), snakemake.config["data"].get("reference")
    folder = Path(snakemake.config["data_dir"])
    if files and not place:
        raise UserError("data.reference: name the folder or URL that offers the kept runs, in a --configfile")
    for source in files:
        fetch(source, folder, place)
    print(f"{len(files)} files of kept runs in {folder / FOLDER}")
