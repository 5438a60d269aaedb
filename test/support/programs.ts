/**
 * Programs that some tests need and npm does not bring: where they are, and one plain line about what is left out
 * where they are not. A test that cannot run is skipped in sight of everyone, never passed.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The first executable file of that name on PATH, as an absolute path where PATH has absolute folders. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isExecutableFile)
}

/** Prints `left out: WHAT (WHY)`, for example `left out: playing in a browser (chromium is not installed)`. */
export function leftOut(what: string, why: string): void {
  process.stdout.write(`left out: ${what} (${why})\n`)
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Absent or not ours to run: for a search along PATH both mean "look further".
    return false
  }
}
