/** The form that warms: shows how far it is and what failed, and can be stopped. */

import { ask, linesOf, messageOf } from './asking.js'
import { el, find, rate } from './elements.js'
import { bytes, joined } from './format.js'

const FAILURES_SHOWN = 20

/** @typedef {import('../schemas.ts').WarmLine} WarmLine */

/** @param {() => Record<string, string>} fields of each request */
export function makeWarm(fields) {
  const form = find('warm-form', HTMLFormElement)
  const kind = find('warm-kind', HTMLSelectElement)
  const which = find('warm-which', HTMLTextAreaElement)
  const said = find('warm-said', HTMLOutputElement)
  const progress = find('warm-progress', HTMLProgressElement)
  const stop = find('warm-stop', HTMLButtonElement)
  const failures = find('warm-failures', HTMLElement)
  const begin = /** @type {HTMLButtonElement} */ (form.querySelector('button[type="submit"]'))

  /** @param {WarmLine} line */
  const tell = (line) => {
    switch (line.event) {
      case 'end':
        said.value = `${line.warmed} warmed, ${line.failed} failed, ${joined(bytes(line.bytes))}.${
          line.isTruncated ? ' There was more than one request may warm.' : ''
        }`
        return
      case 'failed':
        if (failures.children.length < FAILURES_SHOWN) failures.append(el('li', {}, `${line.url}: ${line.reason}`))
        break
      case 'warmed':
        break
      default:
        throw new Error(`an unknown line: ${/** @satisfies {never} */ (line)}`)
    }
    progress.max = line.total
    progress.value = line.done
    said.value = `${line.done} of ${line.total}`
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const own = new AbortController()
    const onStop = () => own.abort()
    stop.addEventListener('click', onStop)
    progress.removeAttribute('value')
    failures.replaceChildren()
    rate(said, undefined)
    said.value = 'Begins…'
    setRunning(true)
    let isEnded = false
    try {
      const lines = which.value.split('\n').map((line) => line.trim())
      const response = await ask('warm', { [kind.value]: lines.filter((line) => line !== '') }, fields(), own.signal)
      for await (const line of linesOf(response)) {
        tell(/** @type {WarmLine} */ (line))
        isEnded = /** @type {WarmLine} */ (line).event === 'end'
      }
      if (!isEnded) throw new Error('The connection broke off before the end.')
    } catch (error) {
      rate(said, own.signal.aborted ? undefined : 'error')
      said.value = own.signal.aborted ? `Stopped at ${said.value}.` : messageOf(error)
    } finally {
      stop.removeEventListener('click', onStop)
      setRunning(false)
    }
  })

  /** @param {boolean} isRunning */
  const setRunning = (isRunning) => {
    begin.disabled = isRunning
    stop.hidden = !isRunning
    progress.hidden = !isRunning
  }
}
