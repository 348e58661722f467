/** One form to look for, and whose it is. */
export interface Pattern {
  readonly bytes: Uint8Array
  /** The number of the secret; the lowest one names a form that several secrets share. */
  readonly owner: number
}

// A cell holds the byte that leads from its state to the next number (or NO_BYTE), and two flags.
const NO_BYTE = 256
const BYTE_BITS = 511
const BRANCHES = 512
const FOUND = 1024

/**
 * The Aho-Corasick automaton of a set of patterns. After each byte its state is the longest beginning of a pattern
 * that the bytes so far end with; so the cost is linear in the bytes of any text, also of one made to be slow.
 *
 * States are numbers, 0 is the root. Nearly all have one child, which then is the next number: a state costs 10 bytes.
 *
 * @example new Automaton([{ bytes: Buffer.from("abc"), owner: 0 }]).step(2, 99) // 3: "ab", then c
 */
export class Automaton {
  /** How many bytes a state stands for. */
  readonly depth: Uint32Array
  readonly #root: Int32Array
  readonly #cell: Uint16Array
  /** Of each state, its longest proper suffix that is a state too. */
  readonly #fail: Int32Array
  readonly #branches: Branches
  /** The longest pattern that ends in a state, for states with the flag FOUND. */
  readonly #longest: Map<number, Pattern>

  constructor(patterns: readonly Pattern[]) {
    const trie = new Trie(patterns)
    this.depth = trie.depth.slice(0, trie.states)
    this.#root = trie.root
    this.#cell = trie.cell.slice(0, trie.states)
    this.#fail = new Int32Array(trie.states)
    this.#branches = trie.branches
    this.#longest = trie.ends
    this.#link(trie)
  }

  step(from: number, byte: number): number {
    if (((this.#cell[from] as number) & BYTE_BITS) === byte) return from + 1
    return this.#stepAside(from, byte)
  }

  #stepAside(from: number, byte: number): number {
    const cells = this.#cell
    const fails = this.#fail
    let state = from
    while (state !== 0) {
      const cell = cells[state] as number
      if ((cell & BYTE_BITS) === byte) return state + 1
      if ((cell & BRANCHES) !== 0) {
        const child = this.#branches.get(state, byte)
        if (child !== 0) return child
      }
      state = fails[state] as number
    }
    return this.#root[byte] as number
  }

  /** The longest pattern that ends in this state. */
  found(state: number): Pattern | undefined {
    return ((this.#cell[state] as number) & FOUND) === 0 ? undefined : this.#longest.get(state)
  }

  /** The longest suffix of a state that stands for at most so many bytes. */
  shorten(from: number, bytes: number): number {
    let state = from
    while (state !== 0 && (this.depth[state] as number) > bytes) state = this.#fail[state] as number
    return state
  }

  /** The longest suffix of a state from which a pattern can still grow. */
  settle(from: number): number {
    let state = from
    while (state !== 0 && ((this.#cell[state] as number) & (BYTE_BITS | BRANCHES)) === NO_BYTE) {
      state = this.#fail[state] as number
    }
    return state
  }

  /** A state's suffix is shorter than it, so states are linked by depth. */
  #link(trie: Trie): void {
    for (const state of byDepth(this.depth)) {
      const parent = trie.parent[state] as number
      if (parent === 0) continue // one byte deep: its only proper suffix is the root
      const fail = this.step(this.#fail[parent] as number, trie.label[state] as number)
      this.#fail[state] = fail
      const shorter = this.found(fail)
      if (shorter === undefined || this.#longest.has(state)) continue
      this.#longest.set(state, shorter)
      this.#cell[state] = (this.#cell[state] as number) | FOUND
    }
  }
}

/** The states without the root, in the order of their depth (a counting sort). */
function byDepth(depth: Uint32Array): Int32Array {
  const deepest = depth.reduce((most, value) => Math.max(most, value), 0)
  const next = new Int32Array(deepest + 2)
  for (const value of depth) next[value + 1] = (next[value + 1] as number) + 1
  for (let i = 1; i < next.length; i++) next[i] = (next[i] as number) + (next[i - 1] as number)
  const order = new Int32Array(depth.length)
  for (let state = 0; state < depth.length; state++) {
    const value = depth[state] as number
    const at = next[value] as number
    order[at] = state
    next[value] = at + 1
  }
  return order.subarray(1)
}

/** The patterns as a tree, before its suffixes are linked. */
class Trie {
  readonly root = new Int32Array(256)
  readonly cell: Uint16Array
  readonly parent: Int32Array
  readonly label: Uint8Array
  readonly depth: Uint32Array
  readonly branches: Branches
  readonly ends = new Map<number, Pattern>()
  states = 1

  constructor(patterns: readonly Pattern[]) {
    const bound = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1)
    this.cell = new Uint16Array(bound).fill(NO_BYTE)
    this.parent = new Int32Array(bound)
    this.label = new Uint8Array(bound)
    this.depth = new Uint32Array(bound)
    this.branches = new Branches(patterns.length)
    for (const pattern of patterns) this.#insert(pattern)
  }

  #insert(pattern: Pattern): void {
    let state = 0
    for (const byte of pattern.bytes) state = this.#child(state, byte) || this.#grow(state, byte)
    const known = this.ends.get(state)
    if (known !== undefined && known.owner <= pattern.owner) return
    this.ends.set(state, pattern)
    this.cell[state] = (this.cell[state] as number) | FOUND
  }

  #child(state: number, byte: number): number {
    if (state === 0) return this.root[byte] as number
    const cell = this.cell[state] as number
    if ((cell & BYTE_BITS) === byte) return state + 1
    return (cell & BRANCHES) === 0 ? 0 : this.branches.get(state, byte)
  }

  #grow(from: number, byte: number): number {
    const state = this.states++
    const cell = this.cell[from] as number
    if (from === 0) this.root[byte] = state
    else if (state === from + 1) this.cell[from] = (cell & ~BYTE_BITS) | byte
    else {
      this.branches.set(from, byte, state)
      this.cell[from] = cell | BRANCHES
    }
    this.parent[state] = from
    this.label[state] = byte
    this.depth[state] = (this.depth[from] as number) + 1
    return state
  }
}

/** A hash table from (state, byte) to a child: open addressing, at most half full, no removal. */
class Branches {
  readonly #from: Int32Array
  readonly #byte: Uint8Array
  readonly #to: Int32Array
  readonly #mask: number

  /** Each pattern leaves the tree at one place at most, so there are no more branches than patterns. */
  constructor(patterns: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * patterns + 2))
    this.#from = new Int32Array(slots)
    this.#byte = new Uint8Array(slots)
    this.#to = new Int32Array(slots)
    this.#mask = slots - 1
  }

  /** 0 where there is none: the root is nobody's child. */
  get(from: number, byte: number): number {
    return this.#to[this.#slot(from, byte)] as number
  }

  set(from: number, byte: number, to: number): void {
    const slot = this.#slot(from, byte)
    this.#from[slot] = from
    this.#byte[slot] = byte
    this.#to[slot] = to
  }

  #slot(from: number, byte: number): number {
    const mixed = Math.imul(from ^ (byte << 23), 0x9e3779b1)
    let slot = (mixed ^ (mixed >>> 15)) & this.#mask
    while (this.#to[slot] !== 0 && (this.#from[slot] !== from || this.#byte[slot] !== byte))
      slot = (slot + 1) & this.#mask
    return slot
  }
}
