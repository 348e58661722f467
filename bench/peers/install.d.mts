/** What peers must not do while they are measured or installed: call home. */
export const peerEnv: Readonly<Record<string, string | undefined>>

/** @throws Error that says what to install */
export function openTofu(): { readonly name: string; readonly binary: string }

/** @throws Error that says what to install */
export function alchemy(): { readonly name: string; readonly folder: string; readonly module: string }
