package shop

import (
	"log"
	"os"
)

// Settings come from the environment only, so that the same binary runs anywhere.
type Settings struct {
	Endpoint  string
	AppID     string
	AppSecret string
	BaseURL   string
	Port      string
	// An API, by the name that tokens carry, and its address. Without the name none is asked for.
	Resource string
	API      string
}

// Scopes are what the shop asks its customers for: their address, and what it does in their name.
var Scopes = []string{"email", "urn:logto:scope:organizations", "read:things", "invite:members"}

func settings() Settings {
	port := fallback(os.Getenv("PORT"), "3000")
	s := Settings{
		Endpoint:  fallback(os.Getenv("ENDPOINT"), "http://localhost:3001"),
		AppID:     os.Getenv("APP_ID"),
		AppSecret: os.Getenv("APP_SECRET"),
		BaseURL:   fallback(os.Getenv("BASE_URL"), "http://localhost:"+port),
		Port:      port,
		Resource:  os.Getenv("RESOURCE"),
		API:       fallback(os.Getenv("API"), "http://localhost:3010"),
	}
	if s.AppID == "" || s.AppSecret == "" {
		log.Fatal("set APP_ID and APP_SECRET (sekisho app create prints both)")
	}
	return s
}

func fallback(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// Resources are the APIs that the shop calls.
func (s Settings) Resources() []string {
	if s.Resource == "" {
		return nil
	}
	return []string{s.Resource}
}
