import { createHash } from "node:crypto"

/** The fingerprints of the primary keys in it, or why there are none to tell. */
export type KeyRing = { readonly fingerprints: readonly string[] } | { readonly wrong: string }

/** Tag of a packet with a primary public key, and of one with a secret key. */
const PUBLIC_KEY = 6
const SECRET_KEY = 5

/**
 * Looks into public OpenPGP keys, armored or binary. Only their fingerprints are told; apt and rpm check signatures with them.
 * @example keyRing(text) // { fingerprints: ["B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"] }
 */
export function keyRing(key: string | Uint8Array): KeyRing {
  const text = typeof key === "string" ? key : Buffer.from(key.subarray(0, 64)).toString("latin1")
  if (/-----BEGIN PGP PRIVATE KEY/.test(text)) return { wrong: "it is a private key" }
  const bytes = typeof key === "string" ? dearmored(key) : Buffer.from(key)
  if (bytes === undefined) return { wrong: "it is no armored public key (-----BEGIN PGP PUBLIC KEY BLOCK-----)" }
  try {
    return primaryKeys(bytes)
  } catch {
    return { wrong: "it is cut short" } // a length that points behind its end
  }
}

function dearmored(text: string): Buffer | undefined {
  const blocks = text.matchAll(
    /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n([\s\S]*?)\r?\n(?:=[A-Za-z0-9+/]{4}\r?\n)?-----END PGP/g,
  )
  const parts = [...blocks].map(([, body = ""]) => Buffer.from(body, "base64"))
  return parts.length === 0 ? undefined : Buffer.concat(parts)
}

function primaryKeys(bytes: Buffer): KeyRing {
  const fingerprints: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const { tag, from, to } = packetAt(bytes, at)
    if (tag === SECRET_KEY) return { wrong: "it is a private key" }
    if (to > bytes.length) return { wrong: "it is cut short" }
    if (tag === PUBLIC_KEY) {
      const fingerprint = fingerprintOf(bytes.subarray(from, to))
      if (fingerprint === undefined) return { wrong: `it is a key of version ${bytes[from]}, which is not known here` }
      fingerprints.push(fingerprint)
    }
    at = to
  }
  return fingerprints.length === 0 ? { wrong: "there is no public key in it" } : { fingerprints }
}

/** @throws RangeError where the bytes end in the middle of it */
function packetAt(bytes: Buffer, at: number): { readonly tag: number; readonly from: number; readonly to: number } {
  const head = bytes.readUInt8(at)
  if ((head & 0x80) === 0) throw new RangeError("no packet")
  if ((head & 0x40) === 0) {
    const sizeBytes = 1 << (head & 3) // 8 stands for a length that nobody tells, which no key has
    if (sizeBytes === 8) throw new RangeError("no length")
    const from = at + 1 + sizeBytes
    return { tag: (head >> 2) & 15, from, to: from + bytes.readUIntBE(at + 1, sizeBytes) }
  }
  const tag = head & 63
  const first = bytes.readUInt8(at + 1)
  if (first < 192) return { tag, from: at + 2, to: at + 2 + first }
  if (first < 224) return { tag, from: at + 3, to: at + 3 + ((first - 192) << 8) + bytes.readUInt8(at + 2) + 192 }
  if (first < 255) throw new RangeError("a part")
  return { tag, from: at + 6, to: at + 6 + bytes.readUInt32BE(at + 2) }
}

/** Of a key packet: SHA-1 in version 4, SHA-256 in version 6. */
function fingerprintOf(body: Buffer): string | undefined {
  const [hash, head] =
    body[0] === 4
      ? ["sha1", Buffer.from([0x99, body.length >> 8, body.length & 255])]
      : body[0] === 6
        ? [
            "sha256",
            Buffer.from([
              0x9b,
              body.length >>> 24,
              (body.length >> 16) & 255,
              (body.length >> 8) & 255,
              body.length & 255,
            ]),
          ]
        : ["", Buffer.alloc(0)]
  return hash === "" ? undefined : createHash(hash).update(head).update(body).digest("hex").toUpperCase()
}
