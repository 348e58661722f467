import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { sessionOn } from "../../src/connect/host/session.ts"
import type { Survey } from "../../src/events/survey.ts"
import { surveyLines } from "../../src/report/survey-page.ts"
import { survey } from "../../src/survey/survey.ts"
import { canOverlay, type OverlayRoot, overlayRoot } from "../support/overlay-root.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { carrierFor, cleanUp } from "./host-world.ts"

const signal = new AbortController().signal
/** A person waits for it: two seconds on an idle machine, and this one is not. */
const PATIENCE_MS = 15_000

async function lookThrough(prefix: readonly string[], shell = "sh"): Promise<Survey> {
  const session = await sessionOn(localCarrier({ scope: "look", prefix, shell }), { signal, log: () => {} })
  try {
    return await survey(session, "web1", { signal, now: () => new Date(), settings: true })
  } finally {
    await session.close()
  }
}

const pageOf = (found: Survey, columns = 100): string =>
  surveyLines(found, { color: false, columns, verbose: true }).join("\n")

const SETUP = `set -e
printf 'listen 80;\\n' >/etc/own.conf
printf '\\033[31mred\\n' >"/etc/$(printf 'bad\\033[2Jname')"
echo '# mine' >>/etc/ssh/sshd_config.d/x.conf
echo '# mine' >>/etc/login.defs
rm -f /etc/deluser.conf
useradd -m -s /bin/bash -G sudo ann
usermod -p '$6$abcdefgh$0123456789abcdefghij' ann
mkdir -p /home/ann/.ssh
chmod 700 /home/ann/.ssh
ssh-keygen -q -t ed25519 -N '' -C ann@laptop -f /tmp/k && cp /tmp/k.pub /home/ann/.ssh/authorized_keys
chown -R ann /home/ann
echo 'ann ALL=(ALL) NOPASSWD: /bin/sh' >/etc/sudoers.d/ann
chmod 440 /etc/sudoers.d/ann
echo '*/5 * * * * root /srv/tick' >/etc/cron.d/tick
mkdir -p /var/spool/cron/crontabs
echo '1 2 3 4 5 /home/ann/job' >/var/spool/cron/crontabs/ann
mkdir -p /etc/ssl/shop
openssl req -x509 -newkey rsa:2048 -nodes -days 5 -subj /CN=shop.example -keyout /etc/ssl/shop/shop.key -out /etc/ssl/shop/shop.pem 2>/dev/null
`

describe.skipIf(!canOverlay())("a look at a Debian system", () => {
  let root: OverlayRoot

  beforeAll(async () => {
    root = await overlayRoot()
    root.run(SETUP)
  }, 60_000)
  afterAll(async () => {
    await root?.stop()
    cleanUp()
  })

  test("as root: what is its own, and nothing is written", async () => {
    const before = root.written()
    const begun = Date.now()
    const found = await lookThrough(root.enter)
    expect(Date.now() - begun).toBeLessThan(PATIENCE_MS)
    expect(root.written()).toEqual(before)
    expect(found.system).toMatchObject({
      osId: "debian",
      cpus: expect.any(Number),
      kernel: expect.stringMatching(/^\d/),
    })
    expect(found.packages?.own.map(({ name }) => name)).toEqual(expect.arrayContaining(["openssh-server", "sudo"]))
    expect(found.packages?.own.map(({ name }) => name)).not.toContain("bash")
    const files = new Map(found.config?.own.map((file) => [file.path, file]))
    expect(files.get("/etc/own.conf")).toMatchObject({ why: "unowned", mode: "0644", sizeBytes: 11 })
    expect(files.get("/etc/login.defs")).toMatchObject({ why: "changed", from: "login" })
    expect(files.get("/etc/ssl/shop/shop.key")).toMatchObject({ secret: true, md5: undefined })
    expect(files.has("/etc/passwd")).toBe(false)
    expect(files.has("/etc/adduser.conf")).toBe(false)
    expect(found.config?.removed).toContain("/etc/deluser.conf")
    const ann = found.accounts?.users.find(({ name }) => name === "ann")
    expect(ann).toMatchObject({ password: "set", groups: expect.arrayContaining(["sudo", "ann"]) })
    const fingerprint = root.run("ssh-keygen -lf /home/ann/.ssh/authorized_keys").split(" ")[1]
    expect(ann?.keys).toEqual([{ type: "ssh-ed25519", fingerprint, comment: "ann@laptop", restricted: false }])
    expect(found.accounts?.rules).toContainEqual({
      file: "/etc/sudoers.d/ann",
      rule: "ann ALL=(ALL) NOPASSWD: /bin/sh",
    })
    expect(found.schedules).toContainEqual(
      expect.objectContaining({ name: "/etc/cron.d/tick", user: "root", runs: "/srv/tick" }),
    )
    expect(found.schedules).toContainEqual(expect.objectContaining({ user: "ann", runs: "/home/ann/job" }))
    expect(found.certificates).toContainEqual(
      expect.objectContaining({ path: "/etc/ssl/shop/shop.pem", subject: "shop.example", daysLeft: 4 }),
    )
    expect(found.disks?.map(({ mount }) => mount)).toContain("/")
    expect(JSON.stringify(found)).not.toContain("$6$abcdefgh")
  })

  test("the page tells it, and a name on the host is never more than text", async () => {
    const page = pageOf(await lookThrough(root.enter))
    for (const text of [
      "the certificate /etc/ssl/shop/shop.pem ends in 4 days",
      "ann@laptop",
      "NOPASSWD",
      "/etc/own.conf",
      "bad\\x1b[2Jname",
    ])
      expect(page).toContain(text)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(page).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    for (const line of pageOf(await lookThrough(root.enter), 60).split("\n"))
      expect(line.length).toBeLessThanOrEqual(60)
  })

  test("as somebody else: it says what it could not see", async () => {
    const found = await lookThrough([...root.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    const whys = found.unseen.map(({ why }) => why).join("\n")
    for (const text of [
      "only root may read shadow",
      "keys of root",
      "ann",
      "sudoers",
      "schedules of users",
      "/etc/ssl/private",
      "who listens",
    ])
      expect(whys).toContain(text)
    expect(found.accounts?.users.find(({ name }) => name === "ann")).toMatchObject({ keys: [], password: undefined })
    expect(found.config?.own.map(({ path }) => path)).toContain("/etc/own.conf")
    expect(pageOf(found)).toContain("Not seen")
  })
})

test("with busybox and nothing else", async () => {
  const carrier = carrierFor("busybox", "look")
  const found = await lookThrough(carrier.prefix ?? [], carrier.shell)
  expect(found.system).toMatchObject({ osId: "debian", cpus: expect.any(Number) })
  expect(found.system?.memoryBytes).toBeGreaterThan(1e6)
  expect(found.accounts?.users[0]).toMatchObject({ name: "root" })
  expect(found.disks?.map(({ mount }) => mount)).toContain("/")
})

describe.skipIf(!canBootSystemd())("a look at a running systemd", () => {
  let root: SystemdRoot

  beforeAll(async () => {
    root = await systemdRoot()
    root.run(
      "sh",
      "-c",
      `set -e
       printf '[Service]\\nExecStart=/bin/false\\n' >/etc/systemd/system/broken.service
       printf '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/shop.service
       printf '[Timer]\\nOnCalendar=03:00\\n' >/etc/systemd/system/shop.timer
       systemctl daemon-reload
       systemctl enable --now shop.service 2>/dev/null
       systemctl start shop.timer
       systemctl start broken.service || true
       sleep 0.3`,
    )
  }, 90_000)
  afterAll(async () => {
    await root?.stop()
  })

  test("what runs, what failed, and what a timer waits for", async () => {
    const found = await lookThrough(root.enter)
    expect(found.services).toMatchObject({ by: "systemd", failed: ["broken.service"] })
    expect(found.services?.own).toContainEqual(
      expect.objectContaining({ name: "shop.service", state: "running", enabled: true, own: true }),
    )
    expect(found.services?.own.map(({ name }) => name)).not.toContain("systemd-journald.service")
    const timer = found.schedules?.find(({ name }) => name === "shop.timer")
    expect(timer).toMatchObject({
      when: "*-*-* 03:00:00",
      runs: "shop.service",
      next: expect.stringMatching(/T03:00:00/),
    })
    expect(pageOf(found)).toContain("× failed: broken.service")
  })
})
