import type { Survey } from "../events/survey.ts"
import { count, size } from "./amounts.ts"

/** Something of a host that should not stay as it is. */
export interface Attention {
  /** True for what is broken now. */
  readonly bad: boolean
  readonly text: string
}

/** From here on a disk will be full soon. */
const DISK_PERCENT = 85
const FULL_PERCENT = 95
/** Certificates that live for 90 days are renewed at 30. */
const CERTIFICATE_DAYS = 21
/** Memory that is left, as a part of all. */
const MEMORY_LEFT = 0.05
/** Lists of packages that are older say nothing about updates. */
const LISTS_DAYS = 14
const DAY_MS = 86_400_000
/** Names that one line holds. */
const NAMES_MAX = 8

/** What a person should look at first. Pure. */
export function attentionOf(survey: Survey): readonly Attention[] {
  return [
    ...ofServices(survey),
    ...ofDisks(survey),
    ...ofCertificates(survey),
    ...ofAccounts(survey),
    ...ofSystem(survey),
  ]
}

function ofServices({ services, packages }: Survey): readonly Attention[] {
  const failed = services?.failed ?? []
  const broken = packages?.broken ?? []
  return [
    ...(failed.length === 0 ? [] : [{ bad: true, text: `failed: ${names(failed)}` }]),
    ...(broken.length === 0 ? [] : [{ bad: true, text: `not installed to the end: ${names(broken)}` }]),
  ]
}

function ofDisks({ disks = [] }: Survey): readonly Attention[] {
  return disks.flatMap(({ mount, usedPercent, inodesUsedPercent = 0, sizeBytes, usedBytes }): readonly Attention[] => {
    const space = `${mount} is ${usedPercent} % full, ${size(sizeBytes - usedBytes)} are left`
    return [
      ...(usedPercent < DISK_PERCENT ? [] : [{ bad: usedPercent >= FULL_PERCENT, text: space }]),
      ...(inodesUsedPercent < DISK_PERCENT
        ? []
        : [{ bad: inodesUsedPercent >= FULL_PERCENT, text: `${mount} has used ${inodesUsedPercent} % of its inodes` }]),
    ]
  })
}

function ofCertificates({ certificates = [] }: Survey): readonly Attention[] {
  return certificates
    .filter(({ daysLeft }) => daysLeft <= CERTIFICATE_DAYS)
    .map(({ path, daysLeft, endsAt }) => ({
      bad: daysLeft < 0,
      text: `the certificate ${path} ${daysLeft < 0 ? `ended on ${endsAt.slice(0, 10)}` : `ends in ${daysLeft} days`}`,
    }))
}

function ofAccounts({ accounts }: Survey): readonly Attention[] {
  const users = accounts?.users ?? []
  const empty = users.filter(({ password }) => password === "empty").map(({ name }) => name)
  const roots = users.filter(({ uid, name }) => uid === 0 && name !== "root").map(({ name }) => name)
  return [
    ...(empty.length === 0 ? [] : [{ bad: true, text: `no password at all: ${names(empty)}` }]),
    ...(roots.length === 0 ? [] : [{ bad: true, text: `as mighty as root: ${names(roots)}` }]),
  ]
}

function ofSystem({ system, updates, at }: Survey): readonly Attention[] {
  const found: Attention[] = []
  if (system?.rebootRequired === true)
    found.push({ bad: false, text: "it wants to be restarted, to run what was updated" })
  if (system !== undefined && system.memoryBytes > 0 && system.memoryFreeBytes / system.memoryBytes < MEMORY_LEFT)
    found.push({ bad: false, text: `${size(system.memoryFreeBytes)} of ${size(system.memoryBytes)} memory are left` })
  const [cpus, [, five = 0] = []] = [system?.cpus ?? 0, system?.load ?? []]
  if (cpus > 0 && five > 2 * cpus) found.push({ bad: false, text: `a load of ${five} on ${cpus} processors` })
  if (updates !== undefined && updates.security > 0)
    found.push({ bad: false, text: `${count(updates.security)} pending updates are for security` })
  if (updates?.listsAt !== undefined && Date.parse(at) - Date.parse(updates.listsAt) > LISTS_DAYS * DAY_MS)
    found.push({ bad: false, text: `its lists of packages are of ${updates.listsAt.slice(0, 10)}` })
  return found
}

export function names(all: readonly string[]): string {
  const more = all.length - NAMES_MAX
  return `${all.slice(0, NAMES_MAX).join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`
}
