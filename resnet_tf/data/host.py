"""Whether a download is available, found out within seconds."""

import http.client
import threading
import urllib.error
import urllib.request

PROBE_SECONDS = 5.0


def answers(host: str) -> bool:
    """Returns whether `host` answers HTTPS within `PROBE_SECONDS`, in whatever words.

    Proxies of the environment are used, as a download would. The question is asked
    in a thread of its own, as no time limit applies to the look-up of a name.
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
