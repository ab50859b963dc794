import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { type Application, findApplication } from '../model/application.ts'
import { type Consent, findConsent, saveConsent } from '../model/consent.ts'
import { answerInteraction, type Interaction } from '../model/interaction.ts'
import { listMemberships, type Membership } from '../model/membership.ts'
import { findCatalog } from '../model/resource.ts'
import { organizationsScope } from '../model/rights.ts'

/** What the consent page asks. */
export interface Request {
  application: Application
  consent: Consent
  /** By API: its name, and its scopes as their descriptions say them. */
  resources: { name: string; scopes: string[] }[]
  /** Those of the user, where the application asks for organizations; `isShared` since an earlier consent. */
  organizations: (Membership & { isShared: boolean })[]
  /** What is known of an application that introduced itself; null for those that an administrator brought. */
  stranger: Stranger | null
}

/** All that cannot be made up by who introduces itself: where its document lies, and where its answers go. */
interface Stranger {
  documentHost: string | null
  /** Null for a program on the user's device. */
  returnHost: string | null
}

/** Null where nothing is asked that the page could show: then the OpenID Provider says what comes next. */
export async function findRequest(
  ctx: Context,
  interaction: Interaction,
  userId: string,
): Promise<Request | null> {
  const consent = interaction.state.wish
  if (consent === undefined || interaction.applicationId === null) return null
  const application = await findApplication(ctx, interaction.applicationId)
  if (application === null) return null
  const { resources } = await findCatalog(ctx)
  return {
    application,
    consent,
    resources: Object.entries(consent.resourceScopes).map(([indicator, names]) => {
      const known = resources.get(indicator)
      const descriptions = new Map(known?.scopes.map((one) => [one.name, one.description]))
      return {
        name: known?.name ?? indicator,
        scopes: names.map((name) => descriptions.get(name) || name),
      }
    }),
    organizations: asksOrganizations(consent)
      ? await organizationsOf(ctx, userId, application.id)
      : [],
    stranger: strangerIn(application, interaction),
  }
}

function strangerIn({ id, origin }: Application, { request }: Interaction): Stranger | null {
  if (origin === 'admin') return null
  const back = String(request.redirect_uri ?? '')
  return {
    documentHost: origin === 'document' ? new URL(id).host : null,
    // Only an https address is the same place for everybody.
    returnHost: /^https:/i.test(back) && URL.canParse(back) ? new URL(back).host : null,
  }
}

/** The user says yes. Of the organizations only those count that the application asked for and they belong to. */
export async function allow(
  ctx: Context,
  { interaction, browser }: { interaction: Interaction; browser: string },
  { userId, organizationIds }: { userId: string; organizationIds: readonly string[] },
): Promise<void> {
  const { wish: consent } = interaction.state
  const { applicationId } = interaction
  if (consent === undefined || applicationId === null) throw new Fault('interaction_not_found')
  await transaction(ctx, async (ctx) => {
    const asked = { id: interaction.id, browser }
    if (!(await answerInteraction(ctx, asked, { consented: userId }))) {
      throw new Fault('interaction_not_found')
    }
    const shared = asksOrganizations(consent) ? organizationIds : []
    await saveConsent(ctx, { userId, applicationId }, { ...consent, organizationIds: shared })
  })
}

function asksOrganizations({ scopes, organizationScopes }: Consent): boolean {
  return scopes.includes(organizationsScope) || organizationScopes.length > 0
}

async function organizationsOf(ctx: Context, userId: string, applicationId: string) {
  const given = await findConsent(ctx, userId, applicationId)
  const memberships = await listMemberships(ctx, userId)
  return memberships.map((one) => ({
    ...one,
    isShared: given?.organizationIds.includes(one.organizationId) ?? false,
  }))
}
