import { describe, expect, test } from "vitest"
import { keyOf } from "./accounts.ts"
import { pathHoldsSecret, textHoldsSecret } from "./looks-secret.ts"
import { read } from "./survey.ts"

const NOW = new Date("2026-06-01T00:00:00Z")
const lines = (...all: readonly string[]): string => `${all.join("\n")}\n`

describe("packages", () => {
  test("of Debian: asked for is what is neither automatic nor base; what is half there is broken", () => {
    const { packages } = read(
      {
        packages: lines(
          "by\tapt",
          "deb\tii \tbash\tamd64\t5.2\trequired\tyes",
          "deb\tii \tnginx\tamd64\t1.22.1\toptional\tno",
          "deb\tii \tlibpcre3\tamd64\t8.39\toptional\tno",
          "deb\thi \tpostgresql\tall\t15\toptional\tno",
          "deb\tiF \tmysql\tall\t8\toptional\tno",
          "deb\trc \told\tall\t1\toptional\tno",
          "deb\tii \tlibc6\tamd64\t2.36\toptional\tno",
          "deb\tii \tlibc6\ti386\t2.36\toptional\tno",
          "auto\tlibpcre3",
          "auto\tlibc6",
        ),
      },
      NOW,
    )
    expect(packages).toMatchObject({
      by: "apt",
      installed: 6,
      own: [
        { name: "nginx", version: "1.22.1" },
        { name: "postgresql", version: "15" },
      ],
      broken: ["mysql (iF)"],
      held: ["postgresql"],
    })
    expect(Object.keys(packages?.versions ?? {})).toEqual([
      "bash",
      "nginx",
      "libpcre3",
      "postgresql",
      "libc6:amd64",
      "libc6:i386",
    ])
  })

  test("of Alpine: world says what was asked for", () => {
    const { packages } = read(
      {
        packages: lines(
          "by\tapk",
          ...["musl", "1.2.5-r0", "nginx", "1.26-r1", "pcre2", "10.4-r0"].map((each, at) =>
            at % 2 === 0 ? `apk\t${each}` : `version\t${each}`,
          ),
          "asked\tmusl",
          "asked\tnginx>1.20",
        ),
      },
      NOW,
    )
    expect(packages).toMatchObject({ by: "apk", installed: 3, own: [{ name: "nginx", version: "1.26-r1" }] })
  })

  test("of Fedora", () => {
    const text = lines("by\tdnf", "rpm\thttpd\tx86_64\t2.4.58-1.fc39", "rpm\tapr\tx86_64\t1.7-2.fc39", "asked\thttpd")
    expect(read({ packages: text }, NOW).packages).toMatchObject({
      installed: 2,
      own: [{ name: "httpd", version: "2.4.58-1.fc39" }],
    })
  })
})

describe("services", () => {
  test("of systemd: what the base brought is left out, what failed is named", () => {
    const found = read(
      {
        packages: lines(
          "by\tapt",
          "deb\tii \tcron\tamd64\t3\timportant\tno",
          "deb\tii \tnginx\tamd64\t1\toptional\tno",
        ),
        services: lines(
          "by\tsystemd",
          "has\tsystemd",
          "unit\tcron.service loaded active running Regular background program processing daemon",
          "unit\tnginx.service loaded active running A high performance web server",
          "unit\t● shop.service loaded failed failed The shop",
          "unit\tsystemd-journald.service loaded active running Journal Service",
          "unit\tgone.service not-found inactive dead gone.service",
          "unit\tworker@1.service loaded active running A worker",
          "wants\t/etc/systemd/system/multi-user.target.wants/nginx.service",
          "wants\t/etc/systemd/system/multi-user.target.wants/cron.service",
          "file\t/etc/systemd/system/shop.service",
          "file\t/etc/systemd/system/nginx.service.d/limits.conf",
          "link\t/etc/systemd/system/apache2.service -> /dev/null",
          "link\t'/etc/systemd/system/other.service' -> '/srv/other/other.service'",
          "link\t/etc/systemd/system/sshd.service -> /lib/systemd/system/ssh.service",
          "package\tcron.list:/lib/systemd/system/cron.service",
          "package\tnginx.list:/lib/systemd/system/nginx.service",
        ),
      },
      NOW,
    )
    expect(found.services?.own.map(({ name, state, enabled, own, from }) => [name, state, enabled, own, from])).toEqual(
      [
        ["nginx.service", "running", true, false, "nginx"],
        ["other.service", undefined, false, true, undefined],
        ["shop.service", "failed", false, true, undefined],
        ["worker@1.service", "running", false, false, undefined],
      ],
    )
    expect(found.services?.failed).toEqual(["shop.service"])
    expect(found.services?.files).toContain("/etc/systemd/system/apache2.service")
  })

  test("of OpenRC", () => {
    const text = lines("by\topenrc", "level\tnginx\tdefault", "level\tsyslog\tboot", "started\tnginx", "failed\tshop")
    expect(read({ services: text }, NOW).services).toMatchObject({
      by: "openrc",
      own: [
        { name: "nginx", state: "started", enabled: true },
        { name: "shop", state: "failed", enabled: false },
      ],
    })
  })
})

describe("configuration", () => {
  const stat = (path: string, mode = "81a4"): string => `stat\t${mode}\t10\t0\t0\t1700000000\t${path}`
  const md5 = (letter: string): string => letter.repeat(32)

  test("of Debian: changed, of no package, generated, and removed", () => {
    const found = read(
      {
        config: lines(
          "by\tdpkg",
          ...["a.conf", "b.conf", "own.conf", "c.conf", "profile", "passwd", "ucf.conf"].map((name) =>
            stat(`/etc/${name}`),
          ),
          stat("/etc/app.key", "8180"),
          stat("/etc/link", "a1ff"),
          stat("/etc/dir", "41ed"),
          "!\tfind: '/etc/closed': Permission denied",
          ...["a", "b", "c"].map((name) => `sum\t${md5(name)}  /etc/${name}.conf`),
          `sum\t${md5("d")}  /etc/own.conf`,
          `sum\t${md5("e")}  /etc/profile`,
          `sum\t${md5("f")}  /etc/ucf.conf`,
          `sum\t${md5("f")}  /etc/app.key`,
          "conf\t@pkg",
          `conf\t/etc/a.conf ${md5("a")}`,
          `conf\t/etc/b.conf ${md5("0")}`,
          `conf\t/etc/gone.conf ${md5("0")}`,
          `conf\t/etc/old.conf ${md5("0")} obsolete`,
          "list\t/etc/c.conf",
          `like\t${md5("e")}`,
          `ucf\t${md5("1")}  /etc/ucf.conf`,
          "link\t/etc/link -> /srv/x",
        ),
      },
      NOW,
    )
    expect(
      found.config?.own.map(({ path, why, type, secret, md5: hash }) => [path, why, type, secret, hash?.[0]]),
    ).toEqual([
      ["/etc/app.key", "unowned", "file", true, undefined],
      ["/etc/b.conf", "changed", "file", false, "b"],
      ["/etc/dir", "unowned", "directory", false, undefined],
      ["/etc/link", "unowned", "link", false, undefined],
      ["/etc/own.conf", "unowned", "file", false, "d"],
      ["/etc/ucf.conf", "changed", "file", false, "f"],
    ])
    expect(found.config).toMatchObject({ removed: ["/etc/gone.conf"], generated: 1 })
    expect(found.unseen).toEqual([{ part: "configuration files", why: "find: '/etc/closed': Permission denied" }])
  })

  test("of Alpine, by its audit", () => {
    const text = lines(
      "by\tapk",
      stat("/etc/motd"),
      stat("/etc/app.conf"),
      stat("/etc/same"),
      "audit\tU etc/motd",
      "audit\tA etc/app.conf",
      "audit\tX etc/gone",
    )
    expect(read({ config: text }, NOW).config).toMatchObject({
      own: [
        { path: "/etc/app.conf", why: "unowned" },
        { path: "/etc/motd", why: "changed" },
      ],
      removed: ["/etc/gone"],
    })
  })

  test("of Fedora, by rpm -V", () => {
    const text = lines(
      "by\trpm",
      stat("/etc/hosts"),
      stat("/etc/mine"),
      stat("/etc/same"),
      "list\t/etc/hosts",
      "list\t/etc/same",
      "verify\tS.5....T.  c /etc/hosts",
      "verify\tmissing   c /etc/gone",
      "verify\t.......T.  c /etc/same",
    )
    expect(read({ config: text }, NOW).config).toMatchObject({
      own: [
        { path: "/etc/hosts", why: "changed" },
        { path: "/etc/mine", why: "unowned" },
      ],
      removed: ["/etc/gone"],
    })
  })
})

describe("ports", () => {
  test("of ss", () => {
    const text = lines(
      "by\tss",
      'ss\ttcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3),("systemd",pid=1,fd=60))',
      "ss\ttcp LISTEN 0 128 [::1]:631 [::]:*",
      "ss\tudp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*",
      "ss\ttcp ESTAB 0 0 10.0.0.1:22 10.0.0.2:555",
    )
    expect(read({ ports: text }, NOW).ports).toEqual([
      { protocol: "tcp", address: "0.0.0.0", port: 22, process: "sshd, systemd" },
      { protocol: "udp", address: "127.0.0.53", port: 53, process: undefined },
      { protocol: "tcp", address: "::1", port: 631, process: undefined },
    ])
  })

  test("of the kernel's own tables", () => {
    const text = lines(
      "by\tproc",
      "tcp\t  sl  local_address rem_address   st",
      "tcp\t   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000",
      "tcp\t   1: 0100007F:1F91 0100007F:0016 01 00000000:00000000",
      "tcp6\t   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0",
      "tcp6\t   1: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 0",
    )
    expect(read({ ports: text }, NOW).ports).toEqual([
      { protocol: "tcp", address: "::", port: 22 },
      { protocol: "tcp", address: "::1", port: 25 },
      { protocol: "tcp", address: "127.0.0.1", port: 8080 },
    ])
  })
})

describe("schedules", () => {
  test("timers as systemctl shows them, and lines of cron", () => {
    const text = lines(
      "timer\tId=backup.timer",
      "timer\tUnit=backup.service",
      "timer\tTimersCalendar={ OnCalendar=*-*-* 03:00:00 ; next_elapse=Tue 2026-06-02 03:00:00 UTC }",
      "timer\tTimersMonotonic={ OnBootUSec=15min ; next_elapse=15min }",
      "timer\tNextElapseUSecRealtime=Tue 2026-06-02 03:00:00 UTC",
      "timer\tFragmentPath=/etc/systemd/system/backup.timer",
      "timer\t--",
      "timer\tId=fstrim.timer",
      "timer\tUnit=fstrim.service",
      "timer\tFragmentPath=/usr/lib/systemd/system/fstrim.timer",
      "list\t/lib/systemd/system/fstrim.timer",
      "list\t/etc/cron.d/php",
      "system\t/etc/cron.d/app\tSHELL=/bin/sh",
      "system\t/etc/cron.d/app\t# nothing",
      "system\t/etc/cron.d/app\t*/5 * * * * www\t/srv/app/tick  --now",
      "system\t/etc/cron.d/php\t@daily root php",
      "user\t/var/spool/cron/crontabs/ann\t0 1 * * 1 /home/ann/b",
    )
    expect(read({ schedules: text }, NOW).schedules).toEqual([
      {
        by: "timer",
        name: "backup.timer",
        when: "*-*-* 03:00:00, 15min",
        runs: "backup.service",
        next: "2026-06-02T03:00:00.000Z",
        from: undefined,
      },
      { by: "timer", name: "fstrim.timer", when: "", runs: "fstrim.service", next: undefined, from: "a package" },
      {
        by: "cron",
        name: "/etc/cron.d/app",
        when: "*/5 * * * *",
        user: "www",
        runs: "/srv/app/tick --now",
        from: undefined,
      },
      { by: "cron", name: "/etc/cron.d/php", when: "@daily", user: "root", runs: "php", from: "a package" },
      {
        by: "cron",
        name: "/var/spool/cron/crontabs/ann",
        when: "0 1 * * 1",
        user: "ann",
        runs: "/home/ann/b",
        from: undefined,
      },
    ])
  })
})

test("schedules: a command that holds what looks like a secret is told by its length alone", () => {
  const text = lines("system\t/etc/cron.d/ping\t* * * * * root curl -u me:hunter22 https://example.org/")
  expect(read({ schedules: text }, NOW).schedules).toMatchObject([
    { user: "root", runs: "(looks like a secret, 40 bytes)" },
  ])
})

test("disks: memory and images are none, and one device is one disk", () => {
  const text = lines(
    "size\tFilesystem 1024-blocks Used Available Capacity Mounted on",
    "size\t/dev/sda1 1000 900 100 90% /",
    "size\ttmpfs 1000 0 1000 0% /run",
    "size\t/dev/sda1 1000 900 100 90% /etc/hosts",
    "size\tnas:/a b 2000 100 1900 5% /mnt/a b",
    "inodes\t/dev/sda1 100 99 1 99% /",
    "mount\t/dev/sda1 / ext4",
    "mount\ttmpfs /run tmpfs",
  )
  expect(read({ disks: text }, NOW).disks).toEqual([
    {
      mount: "/",
      device: "/dev/sda1",
      type: "ext4",
      sizeBytes: 1_024_000,
      usedBytes: 921_600,
      usedPercent: 90,
      inodesUsedPercent: 99,
    },
    {
      mount: "/mnt/a b",
      device: "nas:/a b",
      type: "",
      sizeBytes: 2_048_000,
      usedBytes: 102_400,
      usedPercent: 5,
      inodesUsedPercent: undefined,
    },
  ])
})

test("a host that says nothing, or anything, is no host without services", () => {
  const part = (text: string): ReturnType<typeof read> =>
    read({ services: text, ports: text, accounts: text, disks: text }, NOW)
  for (const text of ["", "\n\n", "\0\t\t", "unit\t", "x".repeat(100_000)]) {
    expect(part(text)).toMatchObject({ services: undefined, ports: undefined, accounts: undefined, disks: undefined })
    expect(part(text).unseen).toHaveLength(4)
  }
})

test.each([
  ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPm ann@laptop", false, "ann@laptop"],
  ['command="/bin/a b",no-pty ssh-rsa AAAAB3NzaC1yc2E= backup job', true, "backup job"],
])("the key %s", (line, restricted, comment) => {
  expect(keyOf(line)).toEqual([
    { type: expect.any(String), fingerprint: expect.stringMatching(/^SHA256:[\w+/]{43}$/), comment, restricted },
  ])
  expect(keyOf(`# ${line}`)).toEqual([])
})

test.each([
  ["password = hunter22", true],
  ["requirepass hunter22", true],
  ['"api_key": "abcdef123"', true],
  ["DB_PASSWORD=s3cret99", true],
  ["url = postgres://app:pw123@db/app", true],
  ["-----BEGIN OPENSSH PRIVATE KEY-----", true],
  ["root:$6$abcdefgh$0123456789abcdef", true],
  ["PasswordAuthentication no", false],
  ["# the password of the user is not checked here", false],
  ["password requisite pam_unix.so", false],
  ["PASS_MAX_DAYS 99999", false],
  ["password = ${DB_PASSWORD}", false],
  ["listen 80;", false],
])("whether %j holds a secret: %s", (text, holds) => {
  expect(textHoldsSecret(text)).toBe(holds)
})

test.each([
  ["/etc/shadow", "0640", true],
  ["/etc/app/server.key", "0644", true],
  ["/etc/app/x.conf", "0640", true],
  ["/etc/sudoers.d/app", "0440", false],
  ["/etc/nginx/nginx.conf", "0644", false],
  ["/etc/letsencrypt/archive/a/privkey1.pem", "0644", true],
])("whether %s (%s) holds a secret: %s", (path, mode, holds) => {
  expect(pathHoldsSecret(path, mode)).toBe(holds)
})
