import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, test } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { quote, quoteAll } from "../../src/connect/host/quote.ts"
import { sessionOn } from "../../src/connect/host/session.ts"
import { builtInMisfits } from "../../src/run/built-in.ts"
import { type DraftedProgram, draft } from "../../src/survey/draft/draft.ts"
import { survey } from "../../src/survey/survey.ts"
import { type Place, place } from "../cli/fettle.ts"
import { canOverlay, overlayRoot } from "../support/overlay-root.ts"
import { canBootSystemd, systemdRoot } from "../support/systemd-root.ts"
import { typeErrors } from "../support/type-errors.ts"
import { cleanUp } from "./host-world.ts"

interface Setup {
  readonly name: string
  readonly setup: string
  readonly has?: readonly string[]
  readonly hasNot?: readonly string[]
}

/** How differently people set up their servers. `has` stands in the program, `hasNot` does not. */
const SETUPS: readonly Setup[] = [
  { name: "nothing but what is there", setup: ":" },
  {
    name: "a web server",
    setup: `mkdir -p /etc/web/sites-available /etc/web/sites-enabled
      printf 'server {\\n\\tlisten 80;\\n\\troot /srv/$host;\\n}\\n' >/etc/web/sites-available/shop
      ln -s ../sites-available/shop /etc/web/sites-enabled/shop
      ln -s /etc/web/sites-available/shop /etc/web/default
      ln -s /nowhere /etc/web/broken
      chown -R www-data:www-data /etc/web; chmod 2750 /etc/web/sites-available`,
    has: ["host.link", 'to: "../sites-available/shop"', 'owner: "www-data"', 'mode: "2750"', "after: ["],
  },
  {
    name: "changed configuration of packages",
    setup: `echo 'UMASK 027' >>/etc/login.defs
      echo '1 2 * * * root /srv/job' >>/etc/crontab
      echo 'ann ALL=(ALL) ALL' >/etc/sudoers.d/ann; chmod 440 /etc/sudoers.d/ann
      rm /etc/deluser.conf`,
    has: ["changed, of login", "/srv/job", 'mode: "0440"', "/etc/deluser.conf was removed"],
  },
  {
    name: "units and timers",
    setup: `mkdir -p /etc/systemd/system/ssh.service.d
      printf '[Service]\\nExecStart=/bin/sh -c "echo $$HOME %%n"\\n' >/etc/systemd/system/shop.service
      printf '[Service]\\nNice=5\\n' >/etc/systemd/system/ssh.service.d/nice.conf
      ln -s /dev/null /etc/systemd/system/cron.service
      ln -s /etc/systemd/system/shop.service /etc/systemd/system/alias.service`,
    has: ["/etc/systemd/system/shop.service", "nice.conf", 'to: "/dev/null"'],
  },
  {
    name: "hostile names and texts",
    setup: `mkdir -p '/etc/odd dir'; cd '/etc/odd dir'
      printf 'a\`b$\{c}d\\\\e\\r\\n\\033[31m\\tx' >'sp ace'
      printf 'x' >"quo'te\\"s"; printf 'y\\n' >-dash; printf 'z\\n\\n\\n' >'br[ack]ets'; : >empty
      printf '\\303\\274\\342\\200\\256\\n' >'$\{x}\`y\`'; printf '*/ alert(1) //\\n' >'*'
      printf 'n' >"$(printf 'new\\nline')"; printf 'u' >"$(printf '\\342\\200\\250')"
      ln -s "quo'te" "$(printf 'li nk')"`,
    has: ["sp ace", "\\r", "\\u{1b}[31m", "\\u{202e}", "/etc/odd dir/new\\nline is left out: its name holds a newline"],
  },
  {
    name: "secrets in every place",
    setup: `mkdir -p /etc/app/private /etc/wireguard
      openssl genrsa -out /etc/app/server.pem 2048 2>/dev/null; chmod 644 /etc/app/server.pem
      printf 'PrivateKey = CANARYCANARY\\n' >/etc/app/a.conf
      printf 'db_password = CANARYCANARY\\n' >/etc/app/b.conf
      printf 'url: postgres://u:CANARYCANARY@db/x\\n' >/etc/app/c.yaml
      printf 'CANARYCANARY\\n' >/etc/app/private/d; printf 'CANARYCANARY\\n' >/etc/app/.env
      printf 'CANARYCANARY\\n' >/etc/app/only-mine; chmod 600 /etc/app/only-mine
      printf 'requirepass CANARYCANARY\\n' >/etc/app/redis.conf
      printf '{"api_key":"CANARYCANARY"}' >/etc/app/e.json
      usermod -p '$6$CANARYCANARY$CANARYCANARYCANARY' root
      printf 'listen 80\\n' >/etc/app/plain.conf`,
    has: ["listen 80", "looks like a secret", "/etc/app/only-mine"],
    hasNot: ["CANARY", "PRIVATE KEY"],
  },
  {
    name: "long and binary files",
    setup: `mkdir -p /etc/big/a/b/c/d
      head -c 65536 /dev/zero | tr '\\0' x >/etc/big/just; head -c 65537 /dev/zero | tr '\\0' x >/etc/big/more
      printf 'a\\0b' >/etc/big/nul; printf '\\374\\n' >/etc/big/latin1; printf 'deep\\n' >/etc/big/a/b/c/d/e
      mkfifo /etc/big/pipe; head -c 3000000 /dev/zero >/etc/big/huge`,
    has: ["/etc/big/more has 65537 bytes", "/etc/big/nul is no UTF-8 text", "etcBigABC"],
    hasNot: ["big/pipe"],
  },
  {
    name: "owners with and without a name",
    setup: `useradd -m ann; mkdir -p /etc/own
      for n in a b c; do echo $n >/etc/own/$n; done
      chown ann:ann /etc/own/a; chown 4321:5432 /etc/own/b; chmod 1777 /etc/own; chmod 4755 /etc/own/c`,
    has: ['owner: "ann"', 'owner: "4321"', 'mode: "1777"', 'mode: "4755"'],
  },
  {
    name: "three hundred files",
    setup: `mkdir -p /etc/many; i=0; while [ $i -lt 300 ]; do echo "value $i" >/etc/many/$i.conf; i=$((i + 1)); done`,
    has: ["/etc/many/299.conf"],
  },
  {
    name: "other places for what is usual",
    setup: `echo Europe/Berlin >/etc/timezone; ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
      printf 'LANG=C.UTF-8\\n' >/etc/default/locale; printf 'net.ipv4.ip_forward=1\\n' >/etc/sysctl.d/99-own.conf
      printf 'deb http://deb.debian.org/debian bookworm-backports main\\n' >/etc/apt/sources.list.d/backports.list
      printf '%%wheel ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/wheel; chmod 440 /etc/sudoers.d/wheel`,
    has: ["zoneinfo/Europe/Berlin", "ip_forward=1", "backports"],
  },
  {
    name: "people, their groups and keys",
    setup: `groupadd -g 1500 shop; groupadd deploy; useradd -m -s /bin/bash -c 'Ann Lee,,,' -G deploy,sudo ann
      useradd -m -g shop -N bob; useradd -r -d /srv/xyzzy -s /usr/sbin/nologin xyzzy; groupadd -r xyzzies
      usermod -p '$6$CANARYCANARY$CANARYCANARYCANARY' ann; passwd -l bob
      install -d -m 700 -o ann -g ann /home/ann/.ssh /root/.ssh
      ssh-keygen -q -t ed25519 -N '' -C ann@laptop -f /tmp/k
      install -m 600 -o ann -g ann /tmp/k.pub /home/ann/.ssh/authorized_keys`,
    has: [
      'groups: ["deploy", "sudo"]',
      'comment: "Ann Lee,,,"',
      'group: "shop"',
      'home: "/srv/xyzzy", shell: "/usr/sbin/nologin", system: true',
      "ann@laptop",
      'path: "/home/ann/.ssh/authorized_keys"',
      "after: [groupDeploy]",
    ],
    hasNot: ["CANARY", '"root"  }', 'name: "www-data"', 'name: "nobody"', 'name: "_apt"', 'name: "sshd"'],
  },
  {
    name: "odd users and groups",
    setup: `printf '%b\n' 'dot.ted:x:2001:2001::/home/dot.ted:' 'Corp\\\\joe:x:2002:2002::/home/joe:/bin/sh' \
        'slash:x:2003:7777:tab\there:/home/slash/:/bin/sh' 'noshell:x:2004:2001:::' 'twin:x:2001:2001::/home/t:/bin/sh' \
        '+@netgroup::::::' '-x:x:2005:2005::/:/bin/sh' 'short:x:2006' 'big:x:4200000:4200000::/home/../big:/bin/sh' \
        'ends$:x:2007:2007:\\0303\\0274 \\0374 \\0033[31m:/home/e:/bin/sh' >>/etc/passwd
      printf '%s\n' 'dot.ted:x:2001:twin,ghost,noshell' 'same:x:2001:slash' 'a b:x:2010:twin' '+:::' >>/etc/group
      printf 'averyveryverylongnameofauserthatnobodytakes:x:2020:2020::/home/a:/bin/sh\n' >>/etc/passwd`,
    has: ['name: "dot.ted"', 'name: "twin"', 'name: "noshell", uid: 2004', "joe cannot be declared", "uid: 4200000"],
    hasNot: ["+@", '"short"'],
  },
  {
    name: "crontabs and files of cron.d",
    setup: `useradd -m ann; mkdir -p /var/spool/cron/crontabs
      printf '# m h\nMAILTO=a@b\n  */5\t*  * * *   /srv/tick  --a "x  y"\n@daily cd /tmp && /srv/day.sh\n5 4 * * mon-fri date +\\%%F >/tmp/x\n' | crontab -u ann -
      printf '1 2 3 4 5 /srv/root-job\n' | crontab -
      printf '*/5 * * * *\troot  /srv/tick\n' >/etc/cron.d/tick
      printf 'MAILTO=""\nPATH = /usr/bin:/bin\n@hourly ann /srv/hour\n' >/etc/cron.d/hour`,
    has: [
      'schedule: "*/5 * * * *", command: "/srv/tick  --a \\"x  y\\"", user: "ann"',
      'schedule: "@daily"',
      'user: "root"',
      'name: "tick",\n    in: "cron.d"',
      'name: "day"',
      'env: { "MAILTO": "", "PATH": "/usr/bin:/bin" }',
      "sets MAILTO for all entries",
    ],
    hasNot: ['path: "/etc/cron.d/tick"', 'path: "/etc/cron.d/hour"'],
  },
  {
    name: "odd lines of cron",
    setup: `useradd -m ann; mkdir -p /var/spool/cron/crontabs
      printf '%s\n' '1 1 * * * mail ann%Subject: hi%%text' '-*/5 * * * * /srv/quiet' '61 * * * * /srv/never' '@every_minute /srv/bsd' \
        '0 0 * * * /srv/twice' '0  0 * * * /srv/twice' '* * * * * PASSWORD=CANARYCANARY /srv/x' 'garbage' '# fettle: mine' '7 7 * * * /srv/mine' \
        '0-59/5,7 0 1,15 jan-mar sun # comment' "0 0 * * * printf '\\303\\274' | sh; :" >/var/spool/cron/crontabs/ann
      printf '1 1 1 1 1 /srv/gone\n' >/var/spool/cron/crontabs/ghost
      printf '# why\n1 1 * * * root /srv/why\n' >/etc/cron.d/why; printf '1 1 * * * root /srv/off\n' >/etc/cron.d/off.disabled
      printf '1 1 * * * root /a\n2 2 * * * root /b\n' >/etc/cron.d/two; printf 'API_TOKEN=CANARYCANARY\n1 1 * * * root /a\n' >/etc/cron.d/tok
      printf '1 1 * * * root /srv/x' >/etc/cron.d/nonl; printf '1 1 * * * root /srv/m\n' >/etc/cron.d/mode; chmod 600 /etc/cron.d/mode`,
    has: [
      'command: "/srv/mine"',
      "stands there twice",
      "after a %",
      "61 is no minute",
      'path: "/etc/cron.d/two"',
      "ghost",
    ],
    hasNot: ["CANARY", 'schedule: "61'],
  },
  {
    name: "busybox cron",
    setup: `rm -f /usr/bin/crontab /etc/cron.d/*; ln -s "$(command -v busybox)" /usr/bin/crontab; mkdir -p /etc/crontabs; rm -rf /var/spool/cron/crontabs; ln -s /etc/crontabs /var/spool/cron/crontabs
      printf '# min hour day\n*/15\t*\t*\t*\t*\trun-parts /etc/periodic/15min\n0 2 * * * run-parts /etc/periodic/daily\n' >/etc/crontabs/root
      printf '30  4 * * *\t/srv/backup\n' >>/etc/crontabs/root; chmod 600 /etc/crontabs/root`,
    has: ['schedule: "30 4 * * *", command: "/srv/backup"'],
    hasNot: ['command: "run-parts'],
  },
]

/** Units of a running systemd. */
const UNITS: readonly Setup[] = [
  {
    name: "services of its own in every state",
    setup: `cd /etc/systemd/system
      unit() { printf '[Service]\n%b\n[Install]\nWantedBy=multi-user.target\n' "$2" >$1; }
      unit up.service 'ExecStart=/bin/sleep 1000'; unit off.service 'ExecStart=/bin/sleep 1000'; unit boot.service 'ExecStart=/bin/sleep 1000'
      unit hand.service 'ExecStart=/bin/sleep 1000'; unit once.service 'Type=oneshot\nExecStart=/bin/true'
      unit stay.service 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true'
      unit fails.service 'ExecStart=/bin/false'; unit loops.service 'Restart=always\nRestartSec=60\nExecStart=/bin/false'
      unit i@.service 'ExecStart=/bin/sleep 1000'; unit cover.service 'ExecStart=/bin/sleep 1000'; unit nothing.service 'Nice=1'
      printf '[Service]\nExecStart=/bin/true\n' >job.service; printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' >job.timer
      printf '[Socket]\nListenStream=/run/talk.sock\n[Install]\nWantedBy=sockets.target\n' >talk.socket; printf '[Service]\nExecStart=/bin/sleep 9\n' >talk.service
      systemctl daemon-reload; systemctl enable --now -q up stay i@one job.timer talk.socket; systemctl enable -q boot once fails loops gone 2>/dev/null || true
      systemctl enable -q boot once fails loops; systemctl start hand; systemctl start fails loops || true; sleep 1
      mv cover.service /usr/lib/systemd/system/fettle-cover.service; systemctl daemon-reload; systemctl mask -q fettle-cover`,
    has: [
      '{ name: "up" }',
      '{ name: "off", enabled: false, running: false }',
      '{ name: "boot", running: false }',
      '{ name: "hand", enabled: false }',
      '{ name: "once", running: "any" }',
      '{ name: "stay" }',
      '{ name: "fails", running: "any" }',
      '{ name: "loops", running: "any" }',
      '{ name: "i@one" }',
      '{ name: "job.timer" }',
      '{ name: "talk.socket" }',
      '{ name: "fettle-cover", enabled: false, running: false, masked: true }',
      "job.service is started by another unit",
    ],
    hasNot: ['path: "/etc/systemd/system/fettle-cover.service"'],
  },
  {
    name: "units that are not as their files say",
    setup: `cd /etc/systemd/system
      printf '[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\nAlias=other.service\n' >real.service
      printf '[Service]\nExecStart=/bin/sleep 1000\n' >old.service; printf '[Service]\nExecStart=/bin/sleep 1000\n' >hid.service
      systemctl daemon-reload; systemctl enable -q --now real; systemctl start old hid
      mkdir -p multi-user.target.wants; ln -s /nowhere/gone.service multi-user.target.wants/gone.service
      cp hid.service /run/systemd/system/; rm hid.service; ln -s /dev/null hid.service; systemctl daemon-reload
      sleep 1.1; printf '[Service]\nExecStart=/bin/sleep 2000\n' >old.service
      printf '[Service]\nExecStart=/bin/true\n' >'esc\\x2dape.service'`,
    has: [
      '{ name: "real" }',
      "old.service has a unit file that systemd has not read",
      "hid.service is masked and still runs",
    ],
    hasNot: ['name: "old"', 'name: "other"', 'name: "hid"'],
  },
]

const signal = new AbortController().signal

/** A root in which all is done: of a system that does not run, or of one that does. */
interface Root {
  readonly enter: readonly string[]
  /** Runs a shell script. */
  run(script: string): string
  stop(): Promise<void>
}

let root: Root | undefined

afterEach(async () => {
  await root?.stop()
  root = undefined
})
afterAll(cleanUp)

async function runningRoot(): Promise<Root> {
  const made = await systemdRoot()
  return { enter: made.enter, run: (script) => made.run("sh", "-c", script), stop: () => made.stop() }
}

async function draftOf({ enter }: Root): Promise<DraftedProgram> {
  const session = await sessionOn(localCarrier({ scope: "draft", prefix: enter }), { signal, log: () => {} })
  try {
    const found = await survey(session, "this machine", { signal, now: () => new Date() })
    return await draft(found, session, { way: { local: true }, kinds: await builtInMisfits(), signal })
  } finally {
    await session.close()
  }
}

/** A shell that leads into the root: the program calls it by a path that is a plain shell in there. */
function shellInto({ enter, run }: Root, at: Place): string {
  const path = join(at.folder, "shell")
  writeFileSync(path, `#!/bin/sh\nexec ${quoteAll(enter)} ${quote(path)} "$@"\n`)
  chmodSync(path, 0o755)
  run(`mkdir -p ${quote(at.folder)} && ln -s /bin/sh ${quote(path)}`)
  return path
}

/** All that was drafted, to be type-checked at once. */
const texts: string[] = []

async function adoptsAll(inside: Root, { setup, has = [], hasNot = [] }: Setup): Promise<void> {
  inside.run(`set -e\n${setup.replaceAll("\\{", "{")}`)
  const at = place()
  const begun = Date.now()
  const made = await draftOf(inside)
  for (const text of has) expect(made.text).toContain(text)
  for (const text of hasNot) expect(made.text).not.toContain(text)
  const shell = shellInto(inside, at)
  at.write("fettle.ts", made.text.replace("host.local()", `host.local({ shell: ${JSON.stringify(shell)} })`))
  texts.push(made.text)
  const amount = [...made.counts.values()].reduce((sum, each) => sum + each, 0)
  const before = contents(inside)
  const planned = await at.fettle(["plan"])
  expect(planned.text).toContain(`0 to change, ${amount} to adopt`)
  expect(planned.text).not.toMatch(/to (create|update|replace|delete)\b|blocked/)
  const applied = await at.fettle(["apply", "--yes"])
  expect(applied).toMatchObject({ code: 0, text: expect.stringContaining(`${amount} adopted`) })
  expect(contents(inside)).toBe(before)
  const again = await at.fettle(["plan", "--check"])
  expect(again).toMatchObject({ code: 0, text: expect.stringContaining("Nothing to change") })
  expect(Date.now() - begun).toBeLessThan(60_000)
}

describe.skipIf(!canOverlay())("a draft of a Debian system", () => {
  test.each(SETUPS)(
    "$name: it plans nothing but adoption, and stays so",
    async (setup) => {
      root = await overlayRoot()
      await adoptsAll(root, setup)
    },
    120_000,
  )
})

describe.skipIf(!canBootSystemd())("a draft of a system that runs", () => {
  test.each(UNITS)(
    "$name: it plans nothing but adoption, and stays so",
    async (setup) => {
      root = await runningRoot()
      await adoptsAll(root, setup)
    },
    120_000,
  )
})

test.skipIf(!canOverlay())(
  "all of them type-check",
  () => {
    expect(texts.length).toBeGreaterThan(0)
    expect(typeErrors(texts)).toBe("")
    expect(typeErrors([`${texts[0]}\nconst wrong: number = "text"\n`])).toContain("TS2322")
  },
  120_000,
)

/** Everything below /etc and in crontabs with its mode, owner, time and hash; and what runs. */
function contents({ run }: Root): string {
  return run(`find /etc /var/spool/cron /home -exec stat -c '%n %f %u %g %y' {} + | sort
    find /etc /var/spool/cron /home -type f -exec sha256sum {} + | sort
    [ ! -d /run/systemd/system ] || systemctl show -p Id,ActiveState,UnitFileState,MainPID,NRestarts up off boot hand stay once fails job.timer`)
}
