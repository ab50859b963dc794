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
}

func settings() Settings {
	port := fallback(os.Getenv("PORT"), "3000")
	s := Settings{
		Endpoint:  fallback(os.Getenv("ENDPOINT"), "http://localhost:3001"),
		AppID:     os.Getenv("APP_ID"),
		AppSecret: os.Getenv("APP_SECRET"),
		BaseURL:   fallback(os.Getenv("BASE_URL"), "http://localhost:"+port),
		Port:      port,
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
