"""Files handed to one visitor.

Gradio serves what lies in its cache folder and nothing else. Names of run folders can be guessed, so they are never
served: a visitor gets copies of their own files, in a folder whose name can't be guessed.
"""

import os
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from secrets import token_urlsafe


class SharedFiles:
    """Hands out files.

    Args:
        cache_dir: Gradio's cache folder.
        swept: paths that Gradio removes when they are old. It knows what was uploaded; what is put into its cache
            folder from here it has to be told.
    """

    def __init__(self, cache_dir: Path, swept: set[str]) -> None:
        self._cache_dir = cache_dir
        self._swept = swept

    def share(self, files: Iterable[Path]) -> list[str]:
        """Puts files into a new folder of the cache; hard links where the disk allows it, copies where not.

        Returns:
            The paths to hand to Gradio; without those of files that are gone.
        """
        folder = self._cache_dir / token_urlsafe(16)
        folder.mkdir(parents=True)
        shared: list[str] = []
        for file in files:
            target = folder / file.name
            self._swept.add(str(target))
            try:
                os.link(file, target)
            except FileNotFoundError:  # the result was deleted meanwhile; the answer itself is at hand
                continue
            except OSError:  # another disk, or one without hard links
                shutil.copyfile(file, target)
            shared.append(str(target))
        return shared

    def share_run(self, run_folder: Path, files: Iterable[Path]) -> list[str]:
        """Shares the files of a run, and one archive of them all, named like the run folder.

        Args:
            run_folder: whose name the archive takes.
            files: of the run.

        Returns:
            The paths to hand to Gradio, the archive last.
        """
        shared = self.share(files)
        if not shared:
            return []
        archive = Path(shared[0]).with_name(f"{run_folder.name}.zip")
        self._swept.add(str(archive))
        with zipfile.ZipFile(archive, "w") as file:  # stored: waves and embeddings hardly shrink, and take long to
            for path in shared:
                file.write(path, f"{run_folder.name}/{Path(path).name}")
        return [*shared, str(archive)]
