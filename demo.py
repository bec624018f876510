"""`make demo`: the product's main job, happening on this machine, without an account anywhere.

Starts the emulated Bitrix24 portal, the emulated Gupshup, the embedded Redis, web and worker on free loopback ports with a
data folder of their own; installs the app, connects a line, moves a deal to a stage with nine robots
(demo_story), answers as the client; shows every hop. With ONCE=1 it ends there: exit 0 only if everything was delivered and
the workflow answered.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Select, select

from bx24.i18n import Text
from demo_past import Past
from demo_story import Step, steps, templates
from messaging.runtime import Runtime, open_runtime
from messaging.store import schema
from messaging.store.models import Line, Message, Run
from messaging.system import config, embedded_redis, logs
from messaging.system.redis_keeper import tied_to_parent
from messaging.system.supervisor import Supervisor
from web.serve import halves

CLIENT_ID, CLIENT_SECRET = "local.demo0123456789.01234567", "demo-secret-of-an-emulated-app"
#: What the portal grants the app: everything it can use.
SCOPE = [
    "bizproc",
    "crm",
    "disk",
    "im",
    "placement",
    "user_brief",
    "department",
    "imopenlines",
    "imconnector",
    "contact_center",
    "messageservice",
]
APP_NAME, BUSINESS_PHONE, CLIENT_PHONE = "DemoShop", "79001112233", "79123456789"
PATIENCE_S = 60.0
#: The language that LANG names, as in en_GB.UTF-8; "", "C" and "POSIX" name none.
NAMED = re.split("[_.@]", os.environ.get("LANG", ""))[0]
#: Russian, as on most portals, unless another language is named.
LANGUAGE = "ru" if NAMED in ("", "C", "POSIX", "ru") else "en"


def say(text: Text | str, mark: str = " ") -> None:
    """One line for the person at the terminal, in their language."""
    print(f" {mark} {text.to(LANGUAGE) if isinstance(text, Text) else text}", flush=True)


@dataclass
class Emulators:
    """The two emulated vendors, each a process."""

    processes: list["subprocess.Popen[str]"] = field(default_factory=list)
    portal: str = ""
    auth: str = ""
    gupshup: str = ""

    def start(self) -> None:
        """Start both and learn their addresses."""
        portal_args = ["--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, "--lang", LANGUAGE]
        portal = self._spawn("bx24.emulator", portal_args)
        self.portal, self.auth = portal["portal"], portal["auth"]
        self.gupshup = self._spawn("gupshup.emulator", [])["url"]

    def _spawn(self, module: str, args: list[str]) -> dict[str, str]:
        process = subprocess.Popen(
            tied_to_parent([sys.executable, "-m", module, "--port", "0", *args]),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        ready: dict[str, str] = json.loads(process.stdout.readline())
        return ready

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class Demo:
    """The scenario and what it looks at."""

    def __init__(self, folder: Path) -> None:
        self.emulators = Emulators()
        try:
            self._open(folder)
        except BaseException:  # Ctrl-C as well: nothing stays behind
            self.emulators.stop()
            raise

    def _open(self, folder: Path) -> None:
        self.emulators.start()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.env = {
            **os.environ,
            "PUBLIC_URL": self.url,
            "BX24_CLIENT_ID": CLIENT_ID,
            "BX24_CLIENT_SECRET": CLIENT_SECRET,
            "BX24_AUTH_SERVERS": self.emulators.auth,
            "GUPSHUP_API_URL": self.emulators.gupshup,
            "GUPSHUP_PARTNER_URL": self.emulators.gupshup,
            "DATA_DIR": str(folder),
            "DATABASE_URL": "",
            "REDIS_URL": "embedded",
            "SECRET_KEY": "",
            "ALLOW_HTTP": "1",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "warning"),
        }
        settings = config.load(self.env)
        logs.configure("text", settings.log_level)
        self.runtime: Runtime = open_runtime(settings)
        schema.upgrade(self.runtime.db.engine)
        self.runtime.prepare()
        self.runtime.redis.ping()
        bind = f"fd://{self.listener.fileno()}"
        self.supervisor = Supervisor(halves(bind, self.env, (self.listener.fileno(),)), stop_s=20)
        self.seen: set[str] = set()
        #: The last run of the made-up past.
        self.past = 0
        self.steps = steps(LANGUAGE)

    def close(self) -> None:
        """Stop everything that was started."""
        self.supervisor.stop()
        self.runtime.close()
        self.emulators.stop()

    # --- talking to the emulators ----------------------------------------------------------------------------------

    def portal(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The emulated portal's control API."""
        return _json(f"{self.emulators.portal}/emulator/{path}", body)

    def gupshup(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The emulated Gupshup's control API."""
        return _json(f"{self.emulators.gupshup}/emulator/{path}", body)

    def until(self, what: str, check: Callable[[], Any]) -> Any:
        """Wait for something to become true, showing hops meanwhile. Raises TimeoutError naming it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not self.supervisor.stopping:
            if found := check():
                return found
            self.show_hops()
            time.sleep(0.05)
        raise TimeoutError(f"gave up waiting: {what}")

    def is_ready(self) -> bool:
        """Whether web, database and queue answer."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    # --- the scenario --------------------------------------------------------------------------------------------------

    def play(self) -> dict[str, Any]:
        """Install, connect, move a deal, answer as the client would. Returns the finished workflow."""
        self.supervisor.start()
        self.until("web", self.is_ready)
        self._install()
        self._connect()
        robots = [step.robot(f"A{number}") for number, step in enumerate(self.steps, 1)]
        stage = str(self.portal("state")["stages"][1]["id"])
        self.portal("stage-robots", {"stage": stage, "robots": robots})
        say(
            Text(
                "A deal moves to the next stage; its robots run",
                "Сделка переходит на следующую стадию, запускаются роботы",
            ),
            "►",
        )
        workflow = self.portal("deals/1/move", {"stage": stage})["workflow"]["id"]
        for number, step in enumerate(self.steps, 1):
            self._called(number, step)
            if step.client:
                self._answer(number, step)
        flow: dict[str, Any] = self.until("workflow finished", lambda: self._finished(workflow))
        self.show_hops()
        return flow

    def _called(self, number: int, step: Step) -> None:
        self.until(f"{step.code} stored", lambda: self._run(number))

    def _answer(self, number: int, step: Step) -> None:
        """The client reads what has come and answers, by text or by a tap on that very message."""
        body = {"app": APP_NAME, "phone": CLIENT_PHONE, "client_name": "Olga", **step.client}
        run: Run = self._run(number)
        if step.code != "robot.wait_reply":
            self.until(f"{step.code} delivered", lambda: self._message(number, "delivered"))
            self.gupshup("read", {"app": APP_NAME, "phone": CLIENT_PHONE})
            self.until(f"{step.code} read", lambda: self._message(number, "read"))
        if step.client["type"] in ("button", "list"):
            body["context_gs_id"] = self._message(number, "read")
        else:
            self.until(f"{step.code} waits", lambda: self._run(number).state == "waiting")
        if step.does:
            say(f"{run.trace}  {' ' * 12}  {step.does.to(LANGUAGE)}", "►")
        self.gupshup("reply", body)

    def _install(self) -> None:
        answer = self.portal(
            "install",
            {
                "install_url": f"{self.url}/bx24/install",
                "app_url": f"{self.url}/bx24/app",
                "finish": True,
                "scope": SCOPE,
            },
        )
        if answer["status"] != 200:
            raise RuntimeError(f"the install page answered {answer['status']}")
        self.until("robots registered", lambda: len(self.portal("robots")["robots"]) >= 2 * len(self.steps))
        codes = ", ".join(sorted(robot["code"] for robot in self.portal("robots")["robots"]))
        say(Text("The app is installed on the portal; registered: ", "Приложение установлено; зарегистрированы: "), "✓")
        say(f"    {codes}")

    def _connect(self) -> None:
        made = self.gupshup(
            "apps",
            {"app_name": APP_NAME, "phone": BUSINESS_PHONE, "templates": templates(LANGUAGE), "allow_http": True},
        )
        line = json.loads(
            subprocess.run(
                [
                    *(sys.executable, "-m", "flask", "--app", "app", "lines", "add"),
                    *("--portal", self.portal("state")["member_id"], "--api-key", made["api_key"]),
                    *("--app-name", APP_NAME, "--phone", BUSINESS_PHONE, "--app-id", made["app_id"]),
                ],
                env=self.env,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        self.gupshup(f"apps/{APP_NAME}/webhook", {"url": line["webhook_url"]})
        # A template that somebody writes in the demo is approved while he looks on.
        self.gupshup("faults", {"app": APP_NAME, "review_ms": 8000})
        with self.runtime.db.read() as session:
            connected = session.get_one(Line, line["id"])
        self.past = Past(self.runtime, connected, made["templates"][0]["id"], LANGUAGE).store()
        say(Text("A line is connected: ", "Линия подключена: ").to(LANGUAGE) + f"+{line['phone']}", "✓")

    def _run(self, number: int) -> Any:
        """The run of the so-and-so-many-th robot, None before it was called."""
        with self.runtime.db.read() as session:
            return session.scalars(_played(self.past).offset(number - 1).limit(1)).first()

    def _message(self, number: int, status: str) -> str:
        """Gupshup's id of that robot's message once it has this status, else ""."""
        with self.runtime.db.read() as session:
            message = session.scalar(select(Message).where(Message.run_id == self._run(number).id))
            known = message is not None and getattr(message, f"{status}_at") is not None
            return (message.gupshup_id or "") if message is not None and known else ""

    def _finished(self, workflow: str) -> Any:
        flow = self.portal(f"log?workflow_id={workflow}")["workflows"][0]
        return flow if flow["state"] == "completed" else None

    # --- showing ---------------------------------------------------------------------------------------------------------

    def show_hops(self) -> None:
        """Print what has happened since the last look."""
        with self.runtime.db.read() as session:
            for run in session.scalars(_played(self.past)):
                self._show(run, run.message)

    def _show(self, run: Run, message: Message | None) -> None:
        moments: list[tuple[datetime | None, Text, str]] = [
            (run.stored_at, Text("robot POST stored", "вызов робота сохранён"), run.action)
        ]
        if message is not None:
            moments += [
                (message.claimed_at, Text("queue: claimed by the worker", "очередь: взято воркером"), ""),
                (message.accepted_at, Text("Gupshup accepted", "Gupshup принял"), message.gupshup_id or ""),
                (message.sent_at, Text("sent to WhatsApp", "отправлено в WhatsApp"), ""),
                (message.delivered_at, Text("delivered to the phone", "доставлено на телефон"), ""),
                (message.read_at, Text("read", "прочитано"), ""),
            ]
        moments.append((run.answered_at, Text("workflow answered", "процесс получил ответ"), run.outcome))
        for at, text, detail in moments:
            key = f"{run.id} {text.en}"
            if at is not None and key not in self.seen:
                self.seen.add(key)
                # Gupshup tells its times in whole seconds; ours have milliseconds.
                when = at.strftime("%H:%M:%S") + (f".{at.microsecond // 1000:03d}" if at.microsecond else "    ")
                say(f"{run.trace}  {when}  {text.to(LANGUAGE)}  {detail}", "·")


def _played(past: int) -> Select[Run]:
    """The demo's own runs, in order. past: the last one before them."""
    return select(Run).where(Run.id > past).order_by(Run.id)


def _json(url: str, body: dict[str, Any] | None) -> Any:
    answer = requests.get(url, timeout=20) if body is None else requests.post(url, json=body, timeout=20)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def succeeded(flow: dict[str, Any], wanted: list[Step]) -> bool:
    """Everything delivered, and every robot of the workflow answered as expected."""
    return [answer["status"] for answer in flow["returned"].values()] == [step.until for step in wanted]


def main() -> int:
    """Play the scenario; stay up unless ONCE=1."""
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):  # until the supervisor takes them over
        signal.signal(number, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="waba24-demo-"))
    demo = None
    try:
        demo = Demo(folder)
        flow = demo.play()
        good = succeeded(flow, demo.steps)
        say(Text("The workflow log reads:", "Журнал процесса:"))
        for line in flow["log"]:
            say(f"    {line['text']}")
        seconds = f"{time.monotonic() - began:.1f} s"
        if good:
            say(
                Text("Done: delivered, answered, gone on. ", "Готово: доставлено, отвечено, процесс пошёл дальше. "),
                "✓",
            )
        else:
            say(Text("FAILED: not as expected", "НЕ ВЫШЛО: результат не тот"), "✗")
        phone = f"{demo.emulators.gupshup}/phone/{CLIENT_PHONE}"
        where = Text("{s}   Bitrix24: {a}/   phone: {b}", "{s}   Битрикс24: {a}/   телефон: {b}")
        say(where.format(s=seconds, a=demo.emulators.portal, b=phone))
        if os.environ.get("ONCE") == "1":
            return 0 if good else 1
        say(Text("Everything stays up. Ctrl-C ends it.", "Всё продолжает работать. Ctrl-C — остановить."))
        demo.supervisor.watch()
        return 0
    except (TimeoutError, RuntimeError, requests.RequestException) as error:
        say(f"{error}", "✗")
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        if demo is not None:
            demo.close()
        embedded_redis.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
        say(Text("Stopped; nothing of it runs any more.", "Остановлено, ничего не осталось."))


if __name__ == "__main__":
    sys.exit(main())
