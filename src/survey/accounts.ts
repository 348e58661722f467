import { createHash } from "node:crypto"
import type { AccountsFound, KeyFound, UserFound } from "../events/survey.ts"
import { numberOf, type Rows, type Section } from "./section.ts"

/** Where the numbers of people begin; those at the top are nobody's. */
const PEOPLE = 1_000
const NOBODY = 65_534
/** Most users, keys and rules that are told one by one. */
const LIST_MAX = 1_000

/** Who may log in, with which keys, and who may become root. Hashes of passwords never leave the host. */
export const accounts: Section<AccountsFound> = {
  about: "users",
  script: String.raw`
tagged user </etc/passwd
tagged group </etc/group
if [ -r /etc/shadow ]; then
  while IFS=: read -r n h x; do
    case $h in '') h=empty;; '*'*|'!'*|x) h=locked;; *) h=set;; esac
    printf 'password\t%s\t%s\n' "$n" "$h"
  done </etc/shadow
elif [ -e /etc/shadow ]; then unseen 'passwords: only root may read shadow'; fi
k= d=
while IFS=: read -r n x i g c h s; do
  [ -n "$h" ] && [ "$h" != / ] && [ "$h" != /nonexistent ] || continue
  if [ -d "$h/.ssh" ] && ! [ -x "$h/.ssh" ]; then k="$k $n"; continue; fi
  [ -d "$h" ] && ! [ -x "$h" ] && [ "$i" -ge 1000 ] && { k="$k $n"; continue; }
  [ "$n" = root ] && ! [ -x "$h" ] && { k="$k $n"; continue; }
  for f in "$h/.ssh/authorized_keys" "$h/.ssh/authorized_keys2" "/etc/ssh/authorized_keys/$n" "/etc/ssh/authorized_keys.d/$n"; do
    if [ -r "$f" ]; then sed "s/^/key	$n	/" <"$f"; elif [ -e "$f" ]; then k="$k $n"; fi
  done
done </etc/passwd
[ -z "$k" ] || unseen "keys of$k: only they and root may read them"
for f in /etc/sudoers /etc/sudoers.d/* /etc/doas.conf /etc/doas.d/*.conf; do
  [ -e "$f" ] || continue
  if [ -r "$f" ]; then sed "s|^|rule	$f	|" <"$f"; else d=1; fi
done
[ -z "$d" ] || unseen 'who may become root: only root may read sudoers'
if [ -e /etc/sudoers ] && ! [ -x /etc/sudoers.d ] && [ -z "$d" ]; then unseen 'who may become root: only root may read sudoers.d'; fi
:
`,
  read: (rows) => {
    const users = rows.lines("user").flatMap((line) => userOf(line, rows))
    if (users.length === 0) return undefined
    const groups = rows.lines("group").flatMap(groupOf)
    const primary = new Set(users.map(({ gid }) => gid))
    const named = (user: UserFound): UserFound => ({
      ...user,
      groups: groups
        .filter(({ gid, members }) => gid === user.gid || members.includes(user.name))
        .map(({ name }) => name),
    })
    const people = users.filter(mayLogIn).slice(0, LIST_MAX).map(named)
    return {
      users: people,
      groups: groups
        .filter(({ gid, members }) => (gid >= PEOPLE && gid < NOBODY && !primary.has(gid)) || members.length > 0)
        .slice(0, LIST_MAX),
      rules: rules(rows).slice(0, LIST_MAX),
    }
  },
}

function mayLogIn({ uid, shell, keys, name }: UserFound): boolean {
  if (uid === 0 || (uid >= PEOPLE && uid < NOBODY) || keys.length > 0) return true
  return name !== "sync" && /\/(ba|da|a|z|k|c|tc|fi)?sh$/.test(shell)
}

function userOf(line: string, rows: Rows): readonly UserFound[] {
  const [name = "", , uid, gid, about = "", home = "", shell = ""] = line.split(":")
  if (name === "" || uid === undefined || !/^\d+$/.test(uid)) return []
  const password = rows.all("password").find(([who]) => who === name)?.[1]
  const keys = rows.all("key").filter(([who]) => who === name)
  return [
    {
      name,
      uid: numberOf(uid),
      gid: numberOf(gid),
      about: about.replace(/,+$/, ""),
      home,
      shell,
      groups: [],
      password: password === "set" || password === "locked" || password === "empty" ? password : undefined,
      keys: keys.flatMap(([, ...words]) => keyOf(words.join("\t"))).slice(0, LIST_MAX),
    },
  ]
}

function groupOf(line: string): readonly { name: string; gid: number; members: readonly string[] }[] {
  const [name = "", , gid, members = ""] = line.split(":")
  return gid === undefined || !/^\d+$/.test(gid)
    ? []
    : [{ name, gid: numberOf(gid), members: members.split(",").filter((each) => each !== "") }]
}

/** A line of authorized_keys: options, type, key, comment. Options may hold blanks in quotes. */
export function keyOf(line: string): readonly KeyFound[] {
  const match = /^(.*?)\b((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+) (AAAA[A-Za-z0-9+/=]+)(.*)$/.exec(line.trim())
  if (match === null || line.trim().startsWith("#")) return []
  const [, before = "", type = "", blob = "", comment = ""] = match
  const hash = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "")
  return [{ type, fingerprint: `SHA256:${hash}`, comment: comment.trim(), restricted: before.trim() !== "" }]
}

/** What gives rights: without comments, settings and the names of other files. */
function rules(rows: Rows): readonly { file: string; rule: string }[] {
  return rows.all("rule").flatMap(([file = "", ...words]) => {
    const rule = words.join(" ").replace(/\s+/g, " ").trim()
    return rule === "" || /^(#|@include|Defaults)/.test(rule) ? [] : [{ file, rule }]
  })
}
