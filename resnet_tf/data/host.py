"""A check, within seconds, of whether a download is possible."""

import http.client
import threading
import urllib.error
import urllib.request

PROBE_SECONDS = 5.0


def answers(host: str) -> bool:
    """Returns whether `host` answers HTTPS within `PROBE_SECONDS`, with any status.

    The request uses the proxies of the environment, like a download. It runs in a
    separate thread, as name resolution has no time limit.
    """
    heard: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(f"https://{host}", method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, http.client.HTTPException):
            return
        heard.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return heard == [True]
