"""Makes the files of a result available for download.

Gradio serves only files in its cache folder. Run folders are not served, since their names can be guessed: the files of
a result are linked or copied into a cache folder with a random name, which only the user of the result gets.
"""

import os
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from secrets import token_urlsafe


class SharedFiles:
    """Makes files available for download.

    Args:
        cache_dir: Gradio's cache folder.
        swept: paths that Gradio deletes when they are old. Gradio adds uploads itself; this class adds the files that
            it puts into the cache folder.
    """

    def __init__(self, cache_dir: Path, swept: set[str]) -> None:
        self._cache_dir = cache_dir
        self._swept = swept

    def share(self, files: Iterable[Path], *, prefix: str = "") -> list[str]:
        """Puts files into a new folder of the cache: as hard links if the disk supports them, otherwise as copies.

        Args:
            files: the files.
            prefix: what their names begin with in the cache, and so as downloads.

        Returns:
            The paths for Gradio, without those of files that no longer exist.
        """
        folder = self._cache_dir / token_urlsafe(16)
        folder.mkdir(parents=True)
        shared: list[str] = []
        for file in files:
            target = folder / f"{prefix}{file.name}"
            self._swept.add(str(target))
            try:
                os.link(file, target)
            except FileNotFoundError:  # the result has been deleted in the meantime
                continue
            except OSError:  # another disk, or no support for hard links
                shutil.copyfile(file, target)
            shared.append(str(target))
        return shared

    def share_run(self, run_folder: Path, files: Iterable[Path], *, name: str = "") -> list[str]:
        """Shares the files of a run, and one archive of them all, named like the run folder.

        Args:
            run_folder: the run folder, for the name of the archive.
            files: the files of the run.
            name: name of the recording, with which all names begin; empty for none.

        Returns:
            The paths for Gradio, the archive last.
        """
        prefix = f"{name}_" if name else ""
        shared = self.share(files, prefix=prefix)
        if not shared:
            return []
        title = f"{prefix}{run_folder.name}"
        archive = Path(shared[0]).with_name(f"{title}.zip")
        self._swept.add(str(archive))
        with zipfile.ZipFile(archive, "w") as file:  # uncompressed: audio and embeddings hardly shrink
            for path in shared:
                file.write(path, f"{title}/{Path(path).name.removeprefix(prefix)}")
        return [*shared, str(archive)]

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes files in the cache; paths outside of it, and files that are gone already, are ignored."""
        cache_dir = self._cache_dir.resolve()
        for path in (Path(path).resolve() for path in paths):
            if path.is_relative_to(cache_dir):
                path.unlink(missing_ok=True)
