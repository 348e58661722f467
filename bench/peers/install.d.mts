/** What peers must not do while they are measured or installed: call home. */
export const peerEnv: Readonly<Record<string, string | undefined>>

/** @throws Error that says what to install */
export function openTofu(): { readonly name: string; readonly binary: string }

/** @throws Error that says what to install */
export function dockerCompose(): { readonly name: string; readonly binary: string }

interface FromNpm {
  readonly name: string
  readonly folder: string
  /** The address of its main module. */
  readonly module: string
}

/** @throws Error that says what to install */
export function alchemy(): FromNpm

/** @throws Error that says what to install */
export function tarFs(): FromNpm

/** @throws Error that says what to install */
export function dockerModem(): FromNpm

interface InVenv {
  readonly name: string
  /** Its commands are in `bin`. */
  readonly folder: string
}

/** @throws Error that says what to install */
export function ansible(): InVenv & { readonly mitogen: string; readonly strategies: string }

/** A folder for ANSIBLE_COLLECTIONS_PATH. @throws Error that says what to install */
export function ansibleCollections(): string

/** @throws Error that says what to install */
export function pyinfra(): InVenv

/** @throws Error that says what to install */
export function salt(): InVenv

/** @throws Error that says what to install */
export function moto(): InVenv
