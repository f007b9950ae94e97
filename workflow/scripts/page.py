"""Write the page of all results, and its first section as tables."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.reporting.page.contents import Entry
    from kanpipe.reporting.page.render import gathered

    out = Path(snakemake.output.page)
    entries = {name: Entry(**said) for name, said in snakemake.params.entries.items()}
    page = gathered(out.parent, entries, Path(snakemake.input.words).parent)
    for name, table in page.tables().items():
        table.write(out.parent / "tables" / name)
    page.write(out, snakemake.config["preset"])
