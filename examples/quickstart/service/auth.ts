import { createHash, timingSafeEqual } from "node:crypto"

/** Whether the header `authorization: Bearer KEY` holds our key. Hashing first makes both sides equally long. */
export function isAuthorized(header: string | undefined, apiKey: string): boolean {
  const given = header?.match(/^Bearer +(\S+)$/i)?.[1] ?? ""
  return timingSafeEqual(sha256(given), sha256(apiKey))
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}
