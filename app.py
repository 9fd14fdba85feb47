"""Entry point: ``python app.py`` starts the server, ``python app.py --help`` lists the commands. run.sh calls it."""

from webui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
