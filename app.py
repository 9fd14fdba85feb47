"""Entry: ``python app.py`` serves, ``python app.py --help`` says what else there is. ``bash run.sh`` calls this."""

from webui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
