/** Chromium as Debian has it, without a screen and without a word to anyone else. */
import { resolve } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { findProgram } from './programs.ts'

/** Undefined where it is not installed. */
export const CHROMIUM = findProgram('chromium')

/** What a test artefact is written to; not kept in the repository. */
export const ARTEFACTS = resolve(import.meta.dirname, '../../.artifacts')

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
]

/** Whoever starts it ends it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS })
}
