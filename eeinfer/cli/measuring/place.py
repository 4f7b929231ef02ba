"""Where reports go, found out before anything is measured."""

from pathlib import Path

from eeinfer.files import check_folder


def report_folder(bundle: Path, out: Path | None) -> Path:
    """Return ``out``, or a folder named after the bundle, after looking whether it can be written to.

    Raises:
        BundleError: the bundle is missing or damaged.
        InputError: the folder cannot be written to.
    """
    from eeinfer.bench import default_folder
    from eeinfer.bundle.folder import Bundle

    folder = out or default_folder(Bundle.open(bundle, verify=False).manifest.name)
    check_folder(folder, "the report")
    return folder
