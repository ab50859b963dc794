/** How the house looks, made safe: what stands here may go into a page as it is. */
export interface Brand {
  /** Custom properties over those of the style sheet; empty where the house has no colour of its own. */
  css: string
  theme: 'light' | 'both'
  logo: string | null
  darkLogo: string | null
  favicon: string | null
  termsUrl: string | null
  privacyUrl: string | null
  helpUrl: string | null
}

/** The part of the sign-in experience that speaks of looks, in Logto's shape. */
export interface Looks {
  color?: {
    primaryColor?: string | undefined
    isDarkModeEnabled?: boolean | undefined
    darkPrimaryColor?: string | undefined
  }
  branding?: {
    logoUrl?: string | undefined
    darkLogoUrl?: string | undefined
    favicon?: string | undefined
  }
  termsOfUseUrl?: string | null | undefined
  privacyPolicyUrl?: string | null | undefined
  supportEmail?: string | null | undefined
  supportWebsiteUrl?: string | null | undefined
}

export function brandOf(looks: Looks): Brand {
  const { color = {}, branding = {} } = looks
  const primary = isColor(color.primaryColor) ? longForm(color.primaryColor) : null
  // Without a colour of its own, the dark theme has the light one's, as bright as dark ground needs.
  const darkPrimary = isColor(color.darkPrimaryColor)
    ? longForm(color.darkPrimaryColor)
    : primary && legible(primary, '#191c21')
  const light = primary && properties(primary, '#f6f7f9')
  const dark = darkPrimary && properties(darkPrimary, '#191c21')
  const hasDark = color.isDarkModeEnabled !== false
  return {
    css: [
      light && `:root{${light}}`,
      hasDark && dark && `@media(prefers-color-scheme:dark){:root:root:root{${dark}}}`,
    ]
      .filter(Boolean)
      .join(''),
    theme: hasDark ? 'both' : 'light',
    logo: webAddress(branding.logoUrl),
    darkLogo: webAddress(branding.darkLogoUrl),
    favicon: webAddress(branding.favicon),
    termsUrl: webAddress(looks.termsOfUseUrl),
    privacyUrl: webAddress(looks.privacyPolicyUrl),
    helpUrl: webAddress(looks.supportWebsiteUrl) ?? mailAddress(looks.supportEmail),
  }
}

/** WCAG 2.2's contrast ratio of two `#rrggbb` colours, 1 to 21. */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function properties(brand: string, background: string): string {
  const onBrand = contrast(brand, '#ffffff') >= 4.5 ? '#ffffff' : '#14161a'
  // A tone between, on which neither reads well, gets the better of black and white.
  const text = contrast(brand, onBrand) >= 4.5 ? onBrand : '#000000'
  return `--brand:${brand};--on-brand:${text};--link:${legible(brand, background)}`
}

/** The nearest tone of `color` that can be read on `background` (4.5 : 1). */
function legible(color: string, background: string): string {
  const end = luminance(background) > 0.5 ? 0 : 255
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = channels(color).map((value) => Math.round(value + (end - value) * share))
    const tone = `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
    if (contrast(tone, background) >= 4.5) return tone
  }
  return end === 0 ? '#000000' : '#ffffff'
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function channels(color: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16))
}

function isColor(color: string | undefined): color is string {
  return color !== undefined && /^#[\da-f]{3}([\da-f]{3})?$/i.test(color)
}

function longForm(color: string): string {
  return color.length === 4 ? color.replace(/[\da-f]/gi, '$&$&').toLowerCase() : color.toLowerCase()
}

/** Only the web's own addresses: `javascript:` in a link would run on the origin that takes passwords. */
function webAddress(address: string | null | undefined): string | null {
  if (!address || !URL.canParse(address)) return null
  const url = new URL(address)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null
}

function mailAddress(address: string | null | undefined): string | null {
  return address && /^[^\s@?&]+@[^\s@?&]+$/.test(address) ? `mailto:${address}` : null
}
