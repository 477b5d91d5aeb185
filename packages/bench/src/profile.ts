export const PROFILES = ['embedded', 'distributed'] as const;
export type Profile = (typeof PROFILES)[number];

export const PROFILE_CHOICES = [...PROFILES, 'both'] as const;
export type ProfileChoice = (typeof PROFILE_CHOICES)[number];

export function isProfileChoice(text: string): text is ProfileChoice {
  return (PROFILE_CHOICES as readonly string[]).includes(text);
}

export function profilesOf(choice: ProfileChoice): readonly Profile[] {
  return choice === 'both' ? PROFILES : [choice];
}
