/** Bytes of a tar block. */
export const TAR_BLOCK = 512
/** Longest name and prefix of a ustar header; longer paths travel in a GNU long-name entry, which busybox reads too. */
const NAME_MAX = 100
const PREFIX_MAX = 155

const TYPES = { file: "0", link: "2", folder: "5", fifo: "6", longLink: "K", longName: "L" } as const

/** One member of a tar stream, before its contents. */
export interface TarMember {
  /** Relative, as the reader shall name it; of a folder with a slash at its end. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  /** Of the contents that follow: 0 for all but files. */
  readonly sizeBytes: number
  /** Seconds since 1970. Default 0. */
  readonly mtimeS?: number
  /** Default "file". */
  readonly kind?: "file" | "link" | "folder" | "fifo"
  /** Where a link leads. */
  readonly linkTo?: string
}

/** The header of a member, with the entries before it that a long name or a long link needs. */
export function tarHeader(member: TarMember): Buffer {
  const bytes = Buffer.allocUnsafe(tarHeaderBytes(member))
  writeTarHeader(bytes, 0, member)
  return bytes
}

/** How long the header of a member is. */
export function tarHeaderBytes({ path, linkTo }: TarMember): number {
  return TAR_BLOCK + (splitPath(path) === undefined ? longBytes(path) : 0) + (isLong(linkTo) ? longBytes(linkTo) : 0)
}

/** Writes the header of a member where there is room for it, and gives the place behind it. */
export function writeTarHeader(into: Buffer, from: number, member: TarMember): number {
  const { path, linkTo = "", mode, sizeBytes, mtimeS = 0 } = member
  const type = TYPES[member.kind ?? "file"]
  let at = from
  if (isLong(linkTo)) at = writeLongText(into, at, TYPES.longLink, linkTo)
  let split = splitPath(path)
  if (split === undefined) {
    at = writeLongText(into, at, TYPES.longName, path)
    split = { name: path, prefix: "" } // a reader that knows no long names gets its beginning
  }
  writeBlock(into, at, { ...split, mode, sizeBytes, mtimeS, type, link: linkTo })
  return at + TAR_BLOCK
}

/** A size with the zeros that fill its last block. */
export function tarPadded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / TAR_BLOCK) * TAR_BLOCK
}

function isLong(text: string | undefined): text is string {
  return text !== undefined && text.length * 3 > NAME_MAX && Buffer.byteLength(text) > NAME_MAX
}

function longBytes(text: string): number {
  return TAR_BLOCK + tarPadded(Buffer.byteLength(text) + 1)
}

/** What no header holds travels as the contents of an entry before it, as GNU tar writes it. */
function writeLongText(into: Buffer, at: number, type: string, text: string): number {
  const sizeBytes = Buffer.byteLength(text) + 1
  writeBlock(into, at, { name: "././@LongLink", prefix: "", mode: 0, sizeBytes, mtimeS: 0, type, link: "" })
  const end = at + TAR_BLOCK + tarPadded(sizeBytes)
  into.fill(0, at + TAR_BLOCK, end)
  into.write(text, at + TAR_BLOCK)
  return end
}

/** Name and prefix of a ustar header, split at a slash; undefined where the path does not fit. */
function splitPath(path: string): { name: string; prefix: string } | undefined {
  if (!isLong(path)) return { name: path, prefix: "" }
  const bytes = Buffer.from(path)
  const at = bytes.indexOf(SLASH, bytes.length - NAME_MAX - 1)
  if (at < 1 || at > PREFIX_MAX || at === bytes.length - 1) return undefined
  return { name: bytes.toString("utf8", at + 1), prefix: bytes.toString("utf8", 0, at) }
}

const SLASH = 47

interface Block {
  readonly name: string
  readonly prefix: string
  readonly mode: number
  readonly sizeBytes: number
  readonly mtimeS: number
  readonly type: string
  readonly link: string
}

/** Where the fields of a header begin. */
const PLACES = { name: 0, numbers: 100, checksum: 148, size: 124, link: 157, magic: 257, prefix: 345 } as const

function writeBlock(into: Buffer, at: number, block: Block): void {
  const { name, prefix, mode, sizeBytes, mtimeS, type, link } = block
  const isGnu = type === TYPES.longName || type === TYPES.longLink
  into.fill(0, at, at + TAR_BLOCK)
  const size = sizeBytes < 8 ** 11 ? octal(sizeBytes, 12) : "\0".repeat(12)
  const numbers = `${octal(mode, 8)}${OWNERS}${size}${octal(Math.max(0, mtimeS), 12)}        ${type}`
  let sum = written(into, at + PLACES.name, name, NAME_MAX) + written(into, at + PLACES.numbers, numbers)
  if (sizeBytes >= 8 ** 11) sum += writeLargeSize(into, at + PLACES.size, sizeBytes)
  if (link !== "") sum += written(into, at + PLACES.link, link, NAME_MAX)
  sum += written(into, at + PLACES.magic, isGnu ? "ustar  \0" : "ustar\x0000")
  if (prefix !== "") sum += written(into, at + PLACES.prefix, prefix)
  into.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + PLACES.checksum, "latin1")
}

/** Writes a text, cut at a whole character where it is too long, and gives the sum of its bytes. */
function written(into: Buffer, at: number, text: string, maxBytes = TAR_BLOCK): number {
  return sumOf(into, at, at + into.write(text, at, maxBytes))
}

function sumOf(bytes: Buffer, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at += 1) sum += bytes[at] as number
  return sum
}

/** Eleven octal digits hold 8 GB; above that the number is written in base 256, as GNU and busybox read it. */
function writeLargeSize(into: Buffer, at: number, sizeBytes: number): number {
  into.writeUInt32BE(0x80000000, at)
  into.writeBigUInt64BE(BigInt(sizeBytes), at + 4)
  return sumOf(into, at, at + 12)
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`
}

/** User and group: root, whoever wrote the stream. */
const OWNERS = octal(0, 8).repeat(2)
