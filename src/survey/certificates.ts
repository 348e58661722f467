import { X509Certificate } from "node:crypto"
import type { CertificateFound } from "../events/survey.ts"
import type { Section } from "./section.ts"

const DAY_MS = 86_400_000
/** Most certificates that are looked at. */
const CERTIFICATES_MAX = 200

/**
 * Certificates of this host and when they end. Only what stands between the lines of a certificate leaves the host, and it is read
 * here: so no openssl is needed there.
 */
export const certificates: Section<readonly CertificateFound[]> = {
  about: "certificates",
  script: String.raw`
l=
for d in /etc/letsencrypt/live /etc/ssl /etc/ssl/private /etc/pki/tls/certs /etc/nginx /etc/apache2 /etc/haproxy /etc/caddy /var/lib/acme /etc/postfix /etc/dovecot; do
  [ -d "$d" ] || continue
  if [ -r "$d" ] && [ -x "$d" ]; then l="$l $d"; else unseen "certificates in $d: it may not be read"; fi
done
n=0
{
  [ -z "$l" ] || find -L $l -maxdepth 4 -type f -size -256 \( -name '*.pem' -o -name '*.crt' -o -name '*.cer' \) ! -path '/etc/ssl/certs/*' 2>/dev/null
  find /etc/ssl/certs -maxdepth 1 -type f ! -name ca-certificates.crt -name '*.pem' 2>/dev/null
  grep -rhoE '^[^#]*(ssl_certificate|SSLCertificateFile)[[:space:]]+[^;[:space:]]+' /etc/nginx /etc/apache2 2>/dev/null | sed 's/^.*[[:space:]]//;s/"//g'
} | grep -v '/\(chain\|ca-bundle[^/]*\|tls-ca-bundle\)\.[a-z]*$' | sort -u | while read -r f; do
  [ -r "$f" ] || { [ ! -e "$f" ] || unseen "the certificate $f: it may not be read"; continue; }
  n=$((n + 1)); [ $n -le 200 ] || break
  printf 'file\t%s\n' "$f"
  sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/{p;/-END/q;}' <"$f" | tagged line
done
:
`,
  read: (rows, { now }) => {
    const found = blocks(rows.merged(["file", "line"])).flatMap(([path, pem]) => read(path, pem, now) ?? [])
    return found.sort((a, b) => a.daysLeft - b.daysLeft).slice(0, CERTIFICATES_MAX)
  },
}

/** Each file with the lines of its first certificate. */
function blocks(rows: readonly (readonly [tag: string, text: string])[]): readonly (readonly [string, string])[] {
  const found: [string, string][] = []
  for (const [tag, text] of rows) {
    const last = found.at(-1)
    if (tag === "file") found.push([text, ""])
    else if (last !== undefined) last[1] += `${text}\n`
  }
  return found
}

function read(path: string, pem: string, now: Date): CertificateFound | undefined {
  if (!pem.includes("-END CERTIFICATE-")) return undefined
  try {
    const { subject, issuer, validTo } = new X509Certificate(pem)
    const endsAt = new Date(validTo)
    return {
      path,
      subject: nameOf(subject),
      issuer: nameOf(issuer),
      endsAt: endsAt.toISOString(),
      daysLeft: Math.floor((endsAt.getTime() - now.getTime()) / DAY_MS),
    }
  } catch {
    return undefined // not what its name says
  }
}

/** The common name, or all of it where there is none. */
function nameOf(subject: string | undefined): string {
  return /^CN=(.*)$/m.exec(subject ?? "")?.[1] ?? (subject ?? "").replaceAll("\n", ", ")
}
