"""``python -m region_heads`` is the command line ``region-heads``."""

from region_heads.cli.main import main

if __name__ == "__main__":
    main()
