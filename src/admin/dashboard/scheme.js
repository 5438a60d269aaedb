/** Light or dark: as the system has it, or as was chosen here. */

const NAME = 'segment-shield scheme'

/** @param {() => void} onChange what is drawn and not styled has to be drawn again */
export function followScheme(onChange) {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const radios = [...document.querySelectorAll('input[name="scheme"]')].filter((it) => it instanceof HTMLInputElement)
  const chosen = localStorage.getItem(NAME) ?? 'auto'
  for (const radio of radios) {
    radio.checked = radio.value === chosen
    radio.addEventListener('change', () => {
      localStorage.setItem(NAME, radio.value)
      apply()
    })
  }
  const apply = () => {
    const value = radios.find((radio) => radio.checked)?.value ?? 'auto'
    document.documentElement.dataset['scheme'] = value === 'auto' ? (dark.matches ? 'dark' : 'light') : value
    onChange()
  }
  dark.addEventListener('change', apply)
  apply()
}
