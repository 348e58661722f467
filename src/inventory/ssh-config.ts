/** What one ssh_config file names. */
export interface SshConfigNames {
  /** Hosts that are named as such: patterns name nobody. */
  readonly hosts: readonly string[]
  /** Files to read besides, as they are written. */
  readonly includes: readonly string[]
}

/** Finds the hosts in the text of an ssh_config. All that it says of them is read by ssh itself. */
export function namesInSshConfig(text: string): SshConfigNames {
  const hosts: string[] = []
  const includes: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const [, key = "", rest = ""] = /^\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? []
    const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "")
    if (/^include$/i.test(key)) includes.push(...words)
    if (/^host$/i.test(key)) hosts.push(...words.filter((word) => !/[*?!]/.test(word) && !word.startsWith("#")))
  }
  return { hosts: [...new Set(hosts)], includes }
}
