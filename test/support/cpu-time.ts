/** Processor time of this process so far, in milliseconds: what work costs, whatever else the machine does. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
