"""The workspace's key: made when it is first needed, read by its owner alone; its public part is for everyone.

keys/signing.pem    the private key, mode 600
keys/ID.pub         public keys whose signatures count, each named by its key's id; a retired key stays
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from workbench.errors import EngineError
from workbench.ledger.signing import SigningKey, key_id

FOLDER = "keys"
PRIVATE = "signing.pem"
PUBLIC = ".pub"


def signing_key(root: Path, adopt: Callable[[SigningKey], None]) -> SigningKey:
    """The key of a workspace, made where there is none.

    Args:
        root: The workspace.
        adopt: Signs what was registered before there was a key; from then on nothing unsigned is loaded.

    Raises:
        EngineError: It cannot be read or made.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with FileLock(folder / ".lock", mode=0o600):
            path = folder / PRIVATE
            key = SigningKey.load(path) if path.exists() else SigningKey.create(path)
            public = folder / f"{key.key_id}{PUBLIC}"
            if not public.exists():  # written last: whoever dies before it adopts again
                adopt(key)
                public.write_text(f"{key.public}\n", "ascii")
            return key
    except OSError as error:
        raise EngineError(
            f"{folder} cannot be written: {error.strerror or error}", hint="mend its permissions"
        ) from error


def trusted_keys(root: Path) -> tuple[str, ...]:
    """The public keys whose signatures count in a workspace; empty where it never signed.

    Raises:
        EngineError: One of them is not what its name says.
    """
    found = []
    for path in sorted((root / FOLDER).glob(f"*{PUBLIC}")):
        try:
            public = path.read_text("ascii").strip()
            named = key_id(public)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"the public key {path} cannot be read: {error}", hint="put it back from a backup"
            ) from error
        if named != path.stem:
            raise EngineError(
                f"{path} holds another key than its name says ({named})", hint="put it back from a backup"
            )
        found.append(public)
    return tuple(found)
