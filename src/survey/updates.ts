import type { UpdatesFound } from "../events/survey.ts"
import { type Section, timeOf } from "./section.ts"

const PACKAGES_MAX = 5_000

/** What could be updated, as far as the host knows without asking anybody and without writing its own cache. */
export const updates: Section<UpdatesFound> = {
  about: "pending updates",
  script: String.raw`
if has apt-get; then
  c=/var/cache/apt/pkgcache.bin l=
  for f in /var/lib/apt/lists/*Release; do [ -e "$f" ] && { [ -z "$l" ] || [ "$f" -nt "$l" ]; } && l=$f; done
  if [ -z "$l" ]; then unseen 'pending updates: there are no lists of packages (apt-get update fetches them)'
  elif [ -r $c ] && [ $c -nt /var/lib/dpkg/status ] && ! [ "$l" -nt $c ]; then
    printf 'by\tapt\n'
    printf 'at\t%s\n' "$(stat -c %Y /var/lib/apt/lists)"
    soon apt-get -s -qq --no-download -o Debug::NoLocking=true upgrade 2>/dev/null | sed -n 's/^Inst /update	/p'
  else unseen 'pending updates: the cache of apt is not fresh'; fi
elif has apk; then
  printf 'by\tapk\n'
  for f in /var/cache/apk/APKINDEX*.tar.gz /lib/apk/db/installed; do [ -e "$f" ] && { printf 'at\t%s\n' "$(stat -c %Y "$f")"; break; }; done
  soon apk --no-network version -l '<' 2>/dev/null | sed -n 's/ *<.*$//p' | tagged update
elif has dnf; then
  if o=$(soon dnf -q -C list --upgrades 2>/dev/null); then printf 'by\tdnf\n'; printf '%s\n' "$o" | sed '1d;s/[. ].*$//' | tagged update
  else unseen 'pending updates: dnf has no fresh cache'; fi
fi
:
`,
  read: (rows) => {
    if (rows.one("by") === "") return undefined
    const lines = rows.lines("update").filter((line) => line.trim() !== "")
    return {
      packages: lines.map((line) => line.split(" ")[0] ?? "").slice(0, PACKAGES_MAX),
      security: lines.filter((line) => /[Ss]ecurity/.test(line)).length,
      listsAt: timeOf(rows.one("at")),
    }
  },
}
