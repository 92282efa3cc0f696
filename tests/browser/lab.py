"""JupyterLab in a process of its own, on a free port of 127.0.0.1, without any access control."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from services.server import free_port, stop, wait_for

OVERRIDES = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[str]:
    """Serve the notebooks of a folder; gives the URL, and stops the process at the end.

    Its settings, kernels and history stay in the folder, apart from those of whoever runs the tests.
    """
    port = free_port()
    home = folder / "home"
    settings = home / "lab" / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(OVERRIDES)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": str(port),
        "ServerApp.port_retries": "0",
        "ServerApp.open_browser": "False",
        "ServerApp.allow_root": "True",
        "ServerApp.root_dir": str(folder / "notebooks"),
        "IdentityProvider.token": "",
        "PasswordIdentityProvider.hashed_password": "",
        "LabApp.news_url": "",
        "LabApp.extension_manager": "readonly",
        "LabApp.app_settings_dir": str(settings),
        "LabApp.user_settings_dir": str(home / "user-settings"),
        "LabApp.workspaces_dir": str(home / "workspaces"),
    }
    places = {name: str(home) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    log = folder / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | places | {"JUPYTER_RUNTIME_DIR": str(home / "runtime")},
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)
