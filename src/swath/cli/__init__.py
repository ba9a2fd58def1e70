"""The commands, one a file: each module has ``run(argv)``, which returns the exit status."""

__all__: list[str] = []
