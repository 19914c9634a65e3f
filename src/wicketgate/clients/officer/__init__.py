"""An officer's tools: drafts, appraisals, keys."""
