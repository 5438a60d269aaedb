/** The form that purges. Says the count it got back; everything is asked about once more. */

import { ask, messageOf } from './asking.js'
import { find, rate } from './elements.js'

const EXAMPLES = /** @type {const} */ ({
  urls: '/vod/film/720p-001.ts',
  prefixes: '/vod/film/',
  patterns: '/vod/**/*.ts',
  surrogateKeys: 'film-4711',
  everything: '',
})

/**
 * @param {() => Record<string, string>} fields of each request
 * @param {() => number} entries how many answers are stored
 * @returns {(path: string) => void} puts a path into the form
 */
export function makePurge(fields, entries) {
  const form = find('purge-form', HTMLFormElement)
  const kind = find('purge-kind', HTMLSelectElement)
  const which = find('purge-which', HTMLInputElement)
  const said = find('purge-said', HTMLOutputElement)
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button[type="submit"]'))
  const kindNow = () => /** @type {keyof typeof EXAMPLES} */ (kind.value)

  const adapt = () => {
    const isEverything = kind.value === 'everything'
    which.disabled = isEverything
    which.required = !isEverything
    which.placeholder = EXAMPLES[kindNow()]
  }
  kind.addEventListener('change', adapt)
  adapt()

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const isEverything = kind.value === 'everything'
    if (isEverything && !(await isConfirmed(entries()))) return
    const mode = new FormData(form).get('mode')
    button.disabled = true
    try {
      const selection = isEverything ? { everything: true } : { [kind.value]: [which.value.trim()] }
      const response = await ask('purge', { ...selection, mode }, fields())
      const { answers, fills } = await response.json()
      rate(said, undefined)
      said.value = `${mode === 'soft' ? 'Made stale' : 'Purged'}: ${answers} stored, ${fills} under way.`
    } catch (error) {
      rate(said, 'error')
      said.value = messageOf(error)
    } finally {
      button.disabled = false
    }
  })

  return (path) => {
    kind.value = 'urls'
    adapt()
    // What the table shows is decoded, and a URL is not.
    which.value = path.split('/').map(encodeURIComponent).join('/')
    form.scrollIntoView({ block: 'nearest' })
    which.focus()
  }
}

/** @param {number} entries @returns {Promise<boolean>} */
function isConfirmed(entries) {
  const dialog = find('confirm', HTMLDialogElement)
  find('confirm-text', HTMLElement).textContent =
    `${entries} stored answers go, and every next request asks its origin.`
  dialog.returnValue = 'no'
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true })
  })
}
